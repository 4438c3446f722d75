/**
 * Attention for engines that are fast at a product of two matrices, which runs in an optimised library, but slow at batches
 * of matrices, which run in a plain loop.
 */
import type { Composites } from "@ppt-vit/core/backend";
import type { TensorInfo } from "@tensorflow/tfjs-core";
import { type Held, indices } from "./primitives.js";
import { asOurs, type Tfjs, type TfjsTensor, type TfTensor } from "./tfjs.js";

/**
 * Kernels of the active engine, called directly. The bookkeeping of TensorFlow.js's own functions takes as long as a small
 * product. The results have no gradient, and TensorFlow.js does not track them.
 */
function kernelsOf(tf: Tfjs) {
  const { backend } = tf.engine();
  const engine = tf.getBackend();
  const live = new Set<TensorInfo["dataId"]>();

  function run(kernel: string, inputs: object, attrs = {}): TensorInfo {
    const { kernelFunc } = tf.getKernel(kernel, engine);
    const result = kernelFunc({ inputs: inputs as Record<string, TensorInfo>, attrs, backend }) as TensorInfo;
    live.add(result.dataId);
    return result;
  }
  function free(dataId: TensorInfo["dataId"]): void {
    live.delete(dataId);
    backend.disposeData(dataId);
  }
  return {
    gather: (params: TensorInfo, at: TensorInfo) => run("GatherNd", { params, indices: at }),
    /** Softmax along the last of three axes. */
    softmax: (logits: TensorInfo) => run("Softmax", { logits }, { dim: 2 }),
    /** a [1, M, K] times b [1, K, N], plus bias [N]. */
    matMul: (a: TensorInfo, b: TensorInfo, bias?: TensorInfo) =>
      bias
        ? run("_FusedMatMul", { a, b, bias }, { transposeA: false, transposeB: false, activation: "linear" })
        : run("BatchMatMul", { a, b }, { transposeA: false, transposeB: false }),
    concat: (tensors: TensorInfo[]) => run("Concat", tensors, { axis: 0 }),
    /** Hands a result to TensorFlow.js, which tracks it from then on. */
    toTensor(x: TensorInfo): TfTensor {
      live.delete(x.dataId);
      return tf.engine().makeTensorFromTensorInfo(x, backend);
    },
    release: (...tensors: TensorInfo[]) => tensors.forEach(({ dataId }) => void free(dataId)),
    releaseAll: () => [...live].forEach(free),
  };
}

/** The same values in another shape. */
const view = ({ dataId, dtype }: TensorInfo, shape: number[]): TensorInfo => ({ dataId, dtype, shape });

/**
 * softmax(q k^T scale + log size) v, one head of one image at a time, so that the head's matrices stay in the processor's
 * cache.
 */
export function attentionByHead(tf: Tfjs, held: Held): Composites<TfjsTensor>["attention"] {
  return (q, k, v, { heads, scale, logSize }) => {
    const [B, M, C] = q.shape as [number, number, number];
    const N = k.shape[1]!;
    const d = C / heads;
    const { gather, softmax, matMul, concat, toTensor, release, releaseAll } = kernelsOf(tf);

    /** Head `h` of image `b` of x [B, length, C] -> [1, length, d] */
    function ofHead(x: TfTensor, b: number, h: number, length: number): TensorInfo {
      const key = `head ${h} of ${heads}, image ${b}, ${length} tokens`;
      const rows = indices(tf, held, key, length, (i) => (b * length + i) * heads + h);
      return view(gather(view(x, [B * length * heads, d]), rows), [1, length, d]);
    }
    const matrix = (x: TensorInfo, i: number) =>
      gather(
        x,
        indices(tf, held, `matrix ${i}`, 1, () => i),
      );

    const queries = tf.mul(q, held.number(scale));
    const keys = tf.reshape(tf.transpose(tf.reshape(k, [B, N, heads, d]), [0, 2, 3, 1]), [B * heads, d, N]);
    /** [N], the log sizes of image `b` */
    function biasOf(b: number): TensorInfo | undefined {
      if (!logSize) return undefined;
      const image = logSize.shape[0] === 1 ? 0 : b;
      return gather(
        view(logSize, [logSize.size]),
        indices(tf, held, `sizes ${image} of ${N}`, N, (i) => image * N + i),
      );
    }

    function attend(b: number, h: number, bias?: TensorInfo): TensorInfo {
      const [query, key, value] = [ofHead(queries, b, h, M), matrix(keys, b * heads + h), ofHead(v, b, h, N)];
      const logits = matMul(query, key, bias);
      const weights = softmax(logits);
      const mixed = matMul(weights, value);
      release(query, key, value, logits, weights);
      return mixed;
    }

    try {
      const mixed: TensorInfo[] = [];
      for (let b = 0; b < B; b++) {
        const bias = biasOf(b);
        for (let h = 0; h < heads; h++) mixed.push(attend(b, h, bias));
      }
      const byHead = toTensor(view(concat(mixed), [B, heads, M, d]));
      return asOurs(tf.reshape(tf.transpose(byHead, [0, 2, 1, 3]), [B, M, C]));
    } finally {
      releaseAll();
    }
  };
}
