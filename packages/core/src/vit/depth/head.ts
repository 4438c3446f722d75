/** The head of DPT: maps of several stages become one, from the coarsest to the finest, and that becomes depth. */
import type { Ops, Tensor, Tensors } from "../../seam.js";
import type { VisionModelConfig } from "../config.js";
import { parametersOf } from "../parameters.js";
import type { DepthHead } from "./config.js";
import { depthSizes, type MapSize } from "./sizes.js";

/** What the head reads of one stage. */
export interface StageFeatures<T extends Tensor> {
  /** [B, patches, C] */
  readonly patches: T;
  /** [B, 1, C] */
  readonly classToken: T;
}

/** Features of each stage, in the order of `head.stages`. -> depth [B, H, W] */
export function predictDepth<T extends Tensor>(
  ops: Ops<T>,
  config: VisionModelConfig,
  params: Tensors<T>,
  features: readonly StageFeatures<T>[],
): T {
  const head = config.depth!;
  const sizes = depthSizes(config, head);
  const p = parametersOf(params, "depth.");
  const { add, activation } = ops;
  const relu = (x: T) => activation(x, "relu");
  const sizeOfMap = (x: T): MapSize => [x.shape[2]!, x.shape[3]!];

  function convolution(x: T, name: string, stride = 1): T {
    const weight = p[`${name}.weight`]!;
    const side = weight.shape[2]!;
    const padding = (side - 1) / 2;
    return ops.convolution(x, weight, p[`${name}.bias`], {
      kernel: [side, side],
      stride: [stride, stride],
      padding: [padding, padding],
    });
  }

  const linear = (x: T, name: string) => ops.linear(x, p[`${name}.weight`]!, p[`${name}.bias`]);

  /** Patches [B, N, C] -> map [B, C, rows, columns] */
  const toMap = (x: T): T => ops.reshape(ops.transpose(x, [0, 2, 1]), [x.shape[0]!, x.shape[2]!, ...sizes.grid]);

  /** Each patch [B, N, O f f] becomes a square of f x f. -> [B, O, rows f, columns f] */
  function toSquares(x: T, factor: number): T {
    const [B, , features] = x.shape as [number, number, number];
    const O = features / factor ** 2;
    const [rows, columns] = sizes.grid;
    // Two transpositions: the channels first, then the columns past the rows of each square.
    const channels = ops.reshape(ops.transpose(x, [0, 2, 1]), [B, O * factor, factor, rows, columns]);
    const lines = ops.reshape(ops.transpose(channels, [0, 1, 3, 4, 2]), [B, O, factor, rows, columns * factor]);
    return ops.reshape(ops.transpose(lines, [0, 1, 3, 2, 4]), [B, O, rows * factor, columns * factor]);
  }

  function withClassToken({ patches, classToken }: StageFeatures<T>, i: number): T {
    if (head.readout === "ignore") return patches;
    if (head.readout === "add") return add(patches, classToken);
    return activation(add(linear(patches, `readout.${i}`), linear(classToken, `readout.${i}.class`)), "gelu");
  }

  function reassembled(stage: StageFeatures<T>, i: number): T {
    const factor = head.factors[i]!;
    const projected = linear(withClassToken(stage, i), `projection.${i}`);
    const map =
      factor > 1
        ? toSquares(linear(projected, `resize.${i}`), factor)
        : factor === 1
          ? toMap(projected)
          : convolution(toMap(projected), `resize.${i}`, 1 / factor);
    return convolution(map, `neck.${i}`);
  }

  /** x + convolution(relu(convolution(relu(x)))) */
  const residualUnit = (x: T, name: string): T =>
    add(convolution(relu(convolution(relu(x), `${name}.convolution1`)), `${name}.convolution2`), x);

  function fused(map: T, from: T | undefined, k: number): T {
    let x = map;
    if (from) {
      const [rows, columns] = sizeOfMap(from);
      const [r, c] = sizeOfMap(map);
      const fitting = r === rows && c === columns ? map : ops.resizeBilinear(map, [rows, columns], false);
      x = add(from, residualUnit(fitting, `fusion.${k}.unit1`));
    }
    x = residualUnit(x, `fusion.${k}.unit2`);
    // Published code resizes first. The projection sees each place alone, and the weights of a resizing add up to 1, so the
    // result is the same and costs a quarter.
    return ops.resizeBilinear(convolution(x, `fusion.${k}.projection`), sizes.fused[k]!, true);
  }

  const maps = features.map((stage, i) => ops.scope(`reassemble.${i}`, () => reassembled(stage, i)));
  const last = maps
    .toReversed()
    .reduce((from: T | undefined, map, k) => ops.scope(`fusion.${k}`, () => fused(map, from, k)), undefined)!;

  return ops.scope("head", () => {
    const projected = head.headProjection ? relu(convolution(last, "head.projection")) : last;
    const large = ops.resizeBilinear(convolution(projected, "head.conv1"), sizes.depth, true);
    const answer = convolution(relu(convolution(large, "head.conv2")), "head.conv3");
    return ops.reshape(positive(ops, answer, head), [answer.shape[0]!, ...sizes.depth]);
  });
}

/** relu(x) or sigmoid(x), times `maxDepth`. */
function positive<T extends Tensor>(ops: Ops<T>, x: T, { kind, maxDepth }: DepthHead): T {
  if (kind === "metric") return ops.div(maxDepth, ops.add(ops.exp(ops.mul(x, -1)), 1));
  const depth = ops.activation(x, "relu");
  return maxDepth === 1 ? depth : ops.mul(depth, maxDepth);
}
