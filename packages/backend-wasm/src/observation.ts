/** What a reduction observes of tokens. The defaults are made of many operations on small tensors. */
import type { Composites } from "@ppt-vit/core/backend";
import type { Engine } from "./engine.js";
import type { WasmStore } from "./store.js";
import type { WasmTensor } from "./tensor.js";
import { packedBytes, panelColumns } from "./weights.js";

/** What no similarity is as small as. */
const noSimilarity = -4;

export function observationOverrides(
  engine: Engine,
  store: WasmStore,
  lpNormalize: Composites<WasmTensor>["lpNormalize"],
): Pick<Composites<WasmTensor>, "classAttention" | "pickPartners"> {
  const { take } = store;
  const floats = (address: number, length: number) => new Float32Array(engine.memory.buffer, address, length);

  return {
    /** One product serves all heads: each has a column of its own, which holds its part of q. */
    classAttention(q, k, { heads, scale, logSize }) {
      const [B, N, C] = k.shape as [number, number, number];
      const d = C / heads;
      const out = take([B, N]);
      const panelBytes = packedBytes(heads, C);
      store.scratch(panelBytes + 4 * N * heads, (panels) => {
        const logits = panels + panelBytes;
        const columns = floats(panels, panelBytes / 4);
        const scaleOf = Math.fround(scale);
        for (let image = 0; image < B; image++) {
          columns.fill(0);
          for (let c = 0; c < C; c++) {
            const head = Math.floor(c / d);
            const panel = Math.floor(head / panelColumns) * C;
            columns[(panel + c) * panelColumns + (head % panelColumns)] = q.data[image * C + c]! * scaleOf;
          }
          engine.kernels.multiply(k.address + 4 * image * N * C, 4 * C, panels, 0, logits, 4 * heads, N, heads, C);
          const sizes = logSize?.data.subarray(logSize.shape[0] === 1 ? 0 : image * N);
          addSoftmaxes(floats(logits, N * heads), heads, sizes, out.data.subarray(image * N, (image + 1) * N));
        }
      });
      return out;
    },

    /** Multiplies candidates by partners alone. The default multiplies all tokens by partners. */
    pickPartners(keys, { firstCandidate, firstPartner, firstRow }) {
      const [B, N, d] = keys.shape as [number, number, number];
      const similarity = take([B, N]);
      const row = take([B, N]);
      const metric = lpNormalize(keys, 2);
      const [candidates, partners] = [firstCandidate, firstPartner].map((first) => Math.ceil((N - first) / 2)) as [
        number,
        number,
      ];
      const panelBytes = packedBytes(partners, d);
      store.scratch(panelBytes + 4 * candidates * partners, (panels) => {
        const cosines = panels + panelBytes;
        similarity.data.fill(noSimilarity);
        row.data.fill(N);
        for (let image = 0; image < B; image++) {
          const at = (token: number) => metric.address + 4 * (image * N + token) * d;
          engine.kernels.packRows(at(firstPartner), 8 * d, d, partners, panels);
          const from = at(firstCandidate);
          engine.kernels.multiply(from, 8 * d, panels, 0, cosines, 4 * partners, candidates, partners, d);
          const rows = floats(cosines, candidates * partners);
          for (let i = 0; i < candidates; i++) {
            const own = rows.subarray(i * partners, (i + 1) * partners);
            const token = image * N + firstCandidate + 2 * i;
            const most = greatestOf(own);
            similarity.data[token] = most;
            // Nothing equals NaN: such a row is behind all others.
            const pick = own.indexOf(most);
            row.data[token] = firstRow + (pick < 0 ? partners : pick);
          }
        }
      });
      return { similarity, row };
    },
  };
}

/** NaN if it is among the elements. */
function greatestOf(x: Float32Array): number {
  let most = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < x.length; i++) most = Math.max(most, x[i]!);
  return most;
}

/** out [N] = the sum over the columns of logits [N, heads] of their softmax along N. `sizes` are added to all columns. */
function addSoftmaxes(logits: Float32Array, heads: number, sizes: Float32Array | undefined, out: Float32Array): void {
  const N = out.length;
  const weights = new Float32Array(N);
  out.fill(0);
  for (let head = 0; head < heads; head++) {
    for (let j = 0; j < N; j++) weights[j] = logits[j * heads + head]! + (sizes ? sizes[j]! : 0);
    const most = greatestOf(weights);
    let sum = 0;
    for (let j = 0; j < N; j++) {
      weights[j] = Math.exp(weights[j]! - most);
      sum += weights[j]!;
    }
    for (let j = 0; j < N; j++) out[j]! += weights[j]! / sum;
  }
}
