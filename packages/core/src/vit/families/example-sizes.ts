/** The sizes of a small model, in the fields of Hugging Face: for the examples of families. */
export const exampleSizes = {
  image_size: 32,
  patch_size: 8,
  hidden_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 3,
  intermediate_size: 48,
};
