/**
 * A small Vision Transformer with DeiT-Ti's geometry that names one of 48 emoji objects. It knows the artwork of two
 * vendors only; on photographs its answers mean nothing.
 */

/** Folder with `config.json`, `preprocessor_config.json`, `model.safetensors`, `reduction.json`, `verification.json`. */
export const demoModelUrl = new URL("../model/", import.meta.url);

/** Folder with twelve sample pictures, named `NNN_label.png`. */
export const demoSamplesUrl = new URL("../samples/", import.meta.url);
