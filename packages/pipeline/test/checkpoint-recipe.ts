/** The weights and the picture of `fixtures/checkpoints.ndjson.gz`, generated again from their recipes. */

/** Name, shape, and what scales the values. A tensor whose name starts with `!` uses up its index but is not in the file. */
export type RecipeTensor = readonly [name: string, shape: readonly number[], kind: "matrix" | "gain" | "small"];

/** Values of tensor `index`, all exact in float32. `recipe` of scripts/checkpoint_cases.py makes the same values. */
function valuesOf(seed: number, index: number, shape: readonly number[], kind: RecipeTensor[2]): Float32Array {
  const size = shape.reduce((a, b) => a * b, 1);
  const fan = shape.slice(1).reduce((a, b) => a * b, 1);
  const scale = 2 * 2 ** -roundHalfToEven(Math.log2(fan) / 2);
  const start = Math.imul(index + 1, 0x85ebca6b) ^ Math.imul(seed, 0xc2b2ae35);
  return Float32Array.from({ length: size }, (_, i) => {
    let hash = Math.imul(i + 1, 0x9e3779b1) ^ start;
    hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
    hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b);
    hash ^= hash >>> 16;
    const unit = (((hash >>> 0) % 2048) - 1024) / 1024;
    if (kind === "gain") return 1 + unit / 4;
    return kind === "small" ? unit / 4 : unit * scale;
  });
}

function roundHalfToEven(x: number): number {
  const rounded = Math.round(x);
  return rounded - x === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/** The bytes of `model.safetensors`. */
export function recipeFile(seed: number, tensors: readonly RecipeTensor[]): Uint8Array {
  const header: Record<string, object> = {};
  const parts: Float32Array[] = [];
  let offset = 0;
  for (const [index, [name, shape, kind]] of tensors.entries()) {
    if (name.startsWith("!")) continue;
    const values = valuesOf(seed, index, shape, kind);
    header[name] = { dtype: "F32", shape, data_offsets: [offset, offset + values.byteLength] };
    offset += values.byteLength;
    parts.push(values);
  }
  const json = JSON.stringify(header);
  const text = Buffer.from(json.padEnd(8 * Math.ceil(json.length / 8)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...parts.map((values) => Buffer.from(values.buffer))]);
}

/** RGB bytes of the picture of all cases. */
export function recipePicture(width = 50, height = 37): Buffer {
  const pixels = Buffer.alloc(3 * width * height);
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      pixels[at++] = 13 * x + 7 * y + ((x * y) >> 3);
      pixels[at++] = 31 * (x >> 1) + 11 * y;
      pixels[at++] = 5 * (x ^ y) + (y >> 2);
    }
  return pixels;
}
