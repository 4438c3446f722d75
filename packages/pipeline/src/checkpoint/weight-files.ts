/** The files that hold a checkpoint's weights: one, or the index of several. */
export const singleFile = "model.safetensors";
export const indexFile = "model.safetensors.index.json";
