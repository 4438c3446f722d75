/** Checkpoint folders as the Hugging Face Hub has them, for geometries with random weights. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Writes `config.json`, `preprocessor_config.json` and `model.safetensors` into `folder`.
 * @param geometry the `config.json` of a geometry of `ppt-vit bench`
 * @param weights a `WeightSource` of core
 * @param stored the type of the stored values: `F32` or `BF16`
 * @returns the size of the weights' file in bytes
 */
export function writeCheckpoint(folder, geometry, weights, stored = "F32") {
  writeConfigs(folder, geometry);
  const file = safetensors(weights, stored);
  writeFileSync(join(folder, "model.safetensors"), file);
  return file.length;
}

/** Writes what a pipeline needs besides the weights: names of the labels, and how pictures are processed. */
export function writeConfigs(folder, geometry) {
  const id2label = Object.fromEntries(Array.from({ length: geometry.num_labels }, (_, i) => [i, `class ${i}`]));
  const config = { architectures: ["ViTForImageClassification"], ...geometry, id2label };
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  const preprocessor = {
    do_resize: true,
    size: { height: geometry.image_size, width: geometry.image_size },
    resample: 2,
    do_rescale: true,
    rescale_factor: 1 / 255,
    do_normalize: true,
    image_mean: [0.5, 0.5, 0.5],
    image_std: [0.5, 0.5, 0.5],
    image_processor_type: "ViTImageProcessor",
  };
  writeFileSync(join(folder, "preprocessor_config.json"), JSON.stringify(preprocessor));
}

/** A bfloat16 is the upper half of a float32. */
const upperHalves = (data) =>
  Uint16Array.from(new Uint32Array(data.buffer, data.byteOffset, data.length), (bits) => bits >>> 16);

function safetensors(weights, stored) {
  const header = {};
  const bodies = [];
  let offset = 0;
  for (const name of weights.names) {
    const { shape, data: floats } = weights.read(name);
    const data = stored === "BF16" ? upperHalves(floats) : floats;
    header[name] = { dtype: stored, shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
    bodies.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  const text = JSON.stringify(header);
  // Padded with spaces to a multiple of eight, as the safetensors library does.
  const json = Buffer.from(text.padEnd(8 * Math.ceil(text.length / 8)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, ...bodies]);
}
