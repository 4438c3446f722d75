/**
 * Rotary positions: each patch has coordinates (y, x), and angles made of them turn its queries and keys (Su et al., arXiv
 * 2104.09864). Coordinates travel through token reduction as tokens do (docs/decisions/0030-rotary-positions.md).
 */
import { hostTensor } from "../host-tensor.js";
import type { HostTensor, Ops, Rotation, Tensor } from "../seam.js";
import { patchGrid, type RotaryPositions, specialTokens, tokenCount, type VisionModelConfig } from "./config.js";

/** Number of pairs of a head that one axis turns. */
const pairsOfAxis = ({ hiddenSize, heads }: VisionModelConfig): number => hiddenSize / heads / 4;

/** [1, N0, 2], (y, x) of every token that enters the first block. Special tokens have (0, 0), which turns nothing. */
export function coordinatesOf(config: VisionModelConfig, { coordinates }: RotaryPositions): HostTensor {
  const grid = patchGrid(config);
  const special = specialTokens(config);
  const at = (axis: 0 | 1, position: number): number => {
    if (coordinates === "counted") return position;
    if (coordinates === "centred") return (2 * (position + 0.5)) / grid[axis] - 1;
    return (position / grid[axis]) * coordinates[axis];
  };
  return hostTensor([1, tokenCount(config), 2], (i) => {
    const patch = Math.floor(i / 2) - special;
    if (patch < 0) return 0;
    return i % 2 === 0 ? at(0, Math.floor(patch / grid[1])) : at(1, patch % grid[1]);
  });
}

/** [d / 2], the angle by which a coordinate of 1 on `axis` turns each pair. The first half of the pairs belongs to y. */
function anglesOf(config: VisionModelConfig, { theta, radians }: RotaryPositions, axis: 0 | 1): number[] {
  const pairs = pairsOfAxis(config);
  return Array.from({ length: 2 * pairs }, (_, i) =>
    Math.floor(i / pairs) === axis ? radians * theta ** (-(i % pairs) / pairs) : 0,
  );
}

/** The rotation of the tokens that enter the first block: constants [1, N0, d / 2]. */
export function rotationAtFirst(
  config: VisionModelConfig,
  rotary: RotaryPositions,
): { readonly cos: HostTensor; readonly sin: HostTensor } {
  const { data: coordinates, shape } = coordinatesOf(config, rotary);
  const [y, x] = [anglesOf(config, rotary, 0), anglesOf(config, rotary, 1)];
  const pairs = y.length;
  const table = (of: (angle: number) => number) =>
    hostTensor([1, shape[1]!, pairs], (i) => {
      const [token, pair] = [Math.floor(i / pairs), i % pairs];
      return of(coordinates[2 * token]! * y[pair]! + coordinates[2 * token + 1]! * x[pair]!);
    });
  return { cos: table(Math.cos), sin: table(Math.sin) };
}

/** Angles are halved until they are below this, where the series below are exact in float32. */
const largestAngle = 0.8;

/** The Taylor series of (sin a) / a and cos a in powers of a^2, highest first. */
const sineSeries = [1 / 362880, -1 / 5040, 1 / 120, -1 / 6, 1];
const cosineSeries = [1 / 40320, -1 / 720, 1 / 24, -1 / 2, 1];

/**
 * Prepares the rotation of tokens at any coordinates [B, N, 2], in multiplications and additions alone: the sines of graphics
 * processors may be wrong by 2^-11. Angles are halved often enough, and the results doubled as often: sin 2a = 2 sin a cos a.
 */
export function rotationAnywhere(config: VisionModelConfig, rotary: RotaryPositions) {
  const { data } = coordinatesOf(config, rotary);
  const furthest = Math.max(...Array.from(data, Math.abs));
  const halvings = Math.max(0, Math.ceil(Math.log2((furthest * rotary.radians) / largestAngle)));
  const [y, x] = ([0, 1] as const).map((axis) => {
    const angles = anglesOf(config, rotary, axis);
    return hostTensor([angles.length], (i) => angles[i]! / 2 ** halvings);
  }) as [HostTensor, HostTensor];

  return <T extends Tensor>(ops: Ops<T>, coordinates: T): Rotation<T> => {
    const turn = (axis: 0 | 1, angles: HostTensor) =>
      ops.mul(ops.slice(coordinates, 2, axis, axis + 1), ops.constant(angles));
    // Each pair belongs to one axis, so one of the two is 0.
    const angle = ops.add(turn(0, y), turn(1, x));
    const square = ops.mul(angle, angle);
    const polynomial = ([highest, next, ...rest]: readonly number[]): T =>
      rest.reduce<T>((sum, term) => ops.add(ops.mul(sum, square), term), ops.add(ops.mul(square, highest!), next!));
    let sin = ops.mul(angle, polynomial(sineSeries));
    let cos = polynomial(cosineSeries);
    for (let i = 0; i < halvings; i++) {
      const doubled = ops.mul(sin, 2);
      [sin, cos] = [ops.mul(doubled, cos), ops.sub(1, ops.mul(doubled, sin))];
    }
    return { cos, sin };
  };
}
