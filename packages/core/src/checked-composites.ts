/** Checks shapes, types and options before a composite runs, so every default and override refuses the same calls. */

import { misuse, requireElements, requireFloat } from "./checked-primitives.js";
import { arrayOf, checkArgument, flag, found, object, oneOf } from "./options.js";
import type {
  Activation,
  AttentionOptions,
  Composites,
  ObservedKeys,
  ObservedQuery,
  Projection,
  Rotation,
  Shape,
  SlidingWindow,
  Tensor,
  TokenValues,
} from "./seam.js";
import { resolveAxis, showShape, windowPositions } from "./shape.js";
import { show } from "./show.js";

/** An exact length, or the name of a length that may be anything. */
type Length = number | string;

/**
 * Requires a tensor of numbers in the expected shape. `to` names the operands that the shape has to fit. With `common` a
 * first length of 1 also fits: one row then serves all images. Only the first length may be free (-1).
 * @throws PptError INVALID_SHAPE; INVALID_INPUT if `x` is not a tensor; INVALID_DTYPE if it is bool
 */
function requireShape(
  op: string,
  argument: string,
  x: Tensor,
  expected: readonly Length[],
  to?: { readonly [argument: string]: Tensor },
  common = false,
): void {
  requireFloat(op, argument, x);
  const { shape } = x;
  let fits = shape.length === expected.length;
  for (let i = 0; fits && i < expected.length; i++)
    fits =
      typeof expected[i] === "string"
        ? i === 0 || shape[i] !== -1
        : shape[i] === expected[i] || (common && i === 0 && shape[0] === 1);
  if (fits) return;
  const given = Object.entries(to ?? {}).map(([name, other]) => `${name} ${showShape(other.shape)}`);
  const wanted = `[${common && expected[0] !== 1 ? `${expected[0]} or 1,${expected.slice(1).join(",")}` : expected.join(",")}]`;
  misuse(
    op,
    `${argument} is ${showShape(shape)}, expected ${wanted}${given.length > 0 ? ` to fit ${given.join(", ")}` : ""}`,
  );
}

/** The length of the last axis. It must be known, so it cannot be the free batch. */
function lastLength(op: string, x: Tensor): number {
  requireFloat(op, "x", x);
  const length = x.shape[x.shape.length - 1];
  if (length === undefined || length < 1)
    misuse(op, `x is ${showShape(x.shape)}, expected a last axis of a known length`);
  return length!;
}

function requireCount(op: string, name: string, value: number, most: number): void {
  if (!(Number.isInteger(value) && value >= 1 && value <= most))
    misuse(op, `${name} is ${show(value)}, expected a whole number from 1 to ${most}`);
}

function requirePosition(op: string, name: string, value: number, most: number): void {
  if (!(Number.isInteger(value) && value >= 0 && value <= most))
    misuse(op, `${name} is ${show(value)}, expected a whole number from 0 to ${most}`);
}

/** Requires a finite number that does not depend on a shape, such as a scale. */
function requireNumber(op: string, name: string, value: number, least = Number.NEGATIVE_INFINITY): void {
  if (Number.isFinite(value) && value >= least) return;
  const bound = least === 0 ? " of at least 0" : "";
  misuse(op, `${name} is ${found(value)}, expected a finite number${bound}`, "INVALID_OPTION");
}

const requireOptions = (op: string, name: string, value: object): void =>
  checkArgument(op, name, value, object, "INVALID_OPTION");

/** Requires valid options of an attention over keys [B, N, C]. */
function requireAttention<T extends Tensor>(
  op: string,
  options: AttentionOptions<T>,
  [B, N, C]: Shape,
  to: { readonly [argument: string]: Tensor },
): void {
  requireOptions(op, "options", options);
  const { heads, scale, logSize } = options;
  if (!(Number.isInteger(heads) && heads >= 1 && C! % heads === 0))
    misuse(op, `heads is ${show(heads)}, expected a whole number that divides the ${C} channels`);
  requireNumber(op, "scale", scale);
  if (logSize !== undefined) requireShape(op, "logSize", logSize, [B!, N!], to, true);
}

function requireProjection<T extends Tensor>(op: string, name: string, given: Projection<T>, x: T, C: number): void {
  checkArgument(op, name, given, object);
  requireShape(op, `${name}.weight`, given.weight, [C, C], { x });
  if (given.bias !== undefined) requireShape(op, `${name}.bias`, given.bias, [C], { x });
}

/** Requires tables for an even number of channels in each head of x [B, N, C]. `heads` must divide C. */
function requireRotation<T extends Tensor>(op: string, given: Rotation<T>, heads: number, x: T): void {
  checkArgument(op, "rotation", given, object);
  const [B, N, C] = x.shape as [number, number, number];
  const half = C / heads / 2;
  if (!Number.isInteger(half))
    misuse(op, `heads is ${heads}, expected an even number of channels in each, not ${C / heads}`);
  for (const name of ["cos", "sin"] as const)
    requireShape(op, `rotation.${name}`, given[name], [B, N, half], { x }, true);
}

const isPair = (value: unknown, least: number): boolean =>
  Array.isArray(value) && value.length === 2 && value.every((n) => Number.isInteger(n) && n >= least);

/** Requires a window that fits into the image x [B, C, H, W] at least once along each axis. */
function requireWindow(op: string, x: Tensor, window: SlidingWindow): void {
  requireShape(op, "x", x, ["B", "C", "H", "W"]);
  requireOptions(op, "window", window);
  const { kernel, stride, padding } = window;
  for (const [name, value, least] of [
    ["kernel", kernel, 1],
    ["stride", stride, 1],
    ["padding", padding, 0],
  ] as const)
    if (!isPair(value, least)) misuse(op, `${name} is ${show(value)}, expected two whole numbers of at least ${least}`);
  for (const axis of [0, 1] as const)
    if (!(windowPositions(x.shape[2 + axis]!, kernel[axis], stride[axis], padding[axis]) >= 1))
      misuse(op, `kernel ${showShape(kernel)} with padding ${showShape(padding)} does not fit x ${showShape(x.shape)}`);
}

const activation = oneOf(["gelu", "gelu_tanh", "quick_gelu", "relu", "silu"] satisfies Activation[]);
const power = oneOf([1, 2]);
const observedQuery = oneOf(["class", "mean"] satisfies ObservedQuery[]);
const observedKeys = oneOf(["rotated", "plain"] satisfies ObservedKeys[]);

/** The same composites, with their operands and options checked. Negative axes are resolved first. */
export function checkedComposites<T extends Tensor>(composites: Composites<T>): Composites<T> {
  return {
    linear(x, weight, bias) {
      const I = lastLength("linear", x);
      if (x.shape.length < 2) misuse("linear", `x is ${showShape(x.shape)}, expected [...,N,I]`);
      requireShape("linear", "weight", weight, ["O", I], { x });
      if (bias !== undefined) requireShape("linear", "bias", bias, [weight.shape[0]!], { weight });
      return composites.linear(x, weight, bias);
    },

    unfold(x, window) {
      requireWindow("unfold", x, window);
      return composites.unfold(x, window);
    },

    convolution(x, weight, bias, window) {
      requireWindow("convolution", x, window);
      const { kernel } = window;
      requireShape("convolution", "weight", weight, ["O", x.shape[1]!, kernel[0], kernel[1]], { x });
      if (bias !== undefined) requireShape("convolution", "bias", bias, [weight.shape[0]!], { weight });
      return composites.convolution(x, weight, bias, window);
    },

    resizeBilinear(x, size, alignCorners) {
      requireShape("resizeBilinear", "x", x, ["B", "C", "H", "W"]);
      if (!isPair(size, 1)) misuse("resizeBilinear", `size is ${show(size)}, expected two whole numbers of at least 1`);
      for (const axis of [2, 3]) requireElements("resizeBilinear", x.shape, axis);
      checkArgument("resizeBilinear", "alignCorners", alignCorners, flag, "INVALID_OPTION");
      return composites.resizeBilinear(x, size, alignCorners);
    },

    gatherRows(x, rows) {
      requireShape("gatherRows", "x", x, ["B", "N", "F"]);
      requireShape("gatherRows", "rows", rows, [x.shape[0]!, "M"], { x });
      return composites.gatherRows(x, rows);
    },

    softmax(x, axis = -1) {
      requireFloat("softmax", "x", x);
      const along = resolveAxis("softmax", x.shape, axis);
      requireElements("softmax", x.shape, along);
      return composites.softmax(x, along);
    },

    layerNorm(x, weight, bias, epsilon) {
      const C = lastLength("layerNorm", x);
      requireShape("layerNorm", "weight", weight, [C], { x });
      requireShape("layerNorm", "bias", bias, [C], { x });
      requireNumber("layerNorm", "epsilon", epsilon, 0);
      return composites.layerNorm(x, weight, bias, epsilon);
    },

    l2Norm(x) {
      lastLength("l2Norm", x);
      return composites.l2Norm(x);
    },

    lpNormalize(x, p) {
      lastLength("lpNormalize", x);
      checkArgument("lpNormalize", "p", p, power, "INVALID_OPTION");
      return composites.lpNormalize(x, p);
    },

    activation(x, kind) {
      requireFloat("activation", "x", x);
      checkArgument("activation", "kind", kind, activation, "INVALID_OPTION");
      return composites.activation(x, kind);
    },

    attention(q, k, v, options) {
      requireShape("attention", "q", q, ["B", "M", "C"]);
      const [B, , C] = q.shape as [number, number, number];
      requireShape("attention", "k", k, [B, "N", C], { q });
      requireShape("attention", "v", v, [B, k.shape[1]!, C], { q, k });
      requireAttention("attention", options, k.shape, { q, k });
      return composites.attention(q, k, v, options);
    },

    selfAttention(x, projections, options) {
      requireShape("selfAttention", "x", x, ["B", "N", "C"]);
      const [, N, C] = x.shape as [number, number, number];
      checkArgument("selfAttention", "projections", projections, object);
      const { query, key, value } = projections;
      for (const [name, given] of Object.entries({ query, key, value }))
        requireProjection("selfAttention", name, given, x, C);
      requireAttention("selfAttention", options, x.shape, { x });
      const { rows, observe, rotation, observedKeys: keys } = options;
      if (rows !== undefined) requireCount("selfAttention", "rows", rows, N);
      if (observe !== undefined) checkArgument("selfAttention", "observe", observe, observedQuery, "INVALID_OPTION");
      if (rotation !== undefined) requireRotation("selfAttention", rotation, options.heads, x);
      if (keys !== undefined) checkArgument("selfAttention", "observedKeys", keys, observedKeys, "INVALID_OPTION");
      return composites.selfAttention(x, projections, options);
    },

    rotate(x, heads, rotation) {
      requireShape("rotate", "x", x, ["B", "N", "C"]);
      const C = x.shape[2]!;
      if (!(Number.isInteger(heads) && heads >= 1 && C % heads === 0))
        misuse("rotate", `heads is ${show(heads)}, expected a whole number that divides the ${C} channels`);
      requireRotation("rotate", rotation, heads, x);
      return composites.rotate(x, heads, rotation);
    },

    classAttention(q, k, options) {
      requireShape("classAttention", "k", k, ["B", "N", "C"]);
      const [B, , C] = k.shape as [number, number, number];
      requireShape("classAttention", "q", q, [B, 1, C], { k });
      requireAttention("classAttention", options, k.shape, { q, k });
      return composites.classAttention(q, k, options);
    },

    rankDescending(x, leading) {
      requireShape("rankDescending", "x", x, ["B", "N"]);
      if (leading !== undefined) requirePosition("rankDescending", "leading", leading, x.shape[1]!);
      return composites.rankDescending(x, leading);
    },

    argMax(x) {
      lastLength("argMax", x);
      return composites.argMax(x);
    },

    pickPartners(keys, sets) {
      requireShape("pickPartners", "keys", keys, ["B", "N", "d"]);
      requireOptions("pickPartners", "sets", sets);
      const N = keys.shape[1]!;
      requirePosition("pickPartners", "firstCandidate", sets.firstCandidate, N - 1);
      requirePosition("pickPartners", "firstPartner", sets.firstPartner, N - 1);
      requirePosition("pickPartners", "firstRow", sets.firstRow, N);
      return composites.pickPartners(keys, sets);
    },

    compressTokens(destination, count, tokens) {
      requireShape("compressTokens", "destination", destination, ["B", "N"]);
      const [B, N] = destination.shape as [number, number];
      // Each row receives at least one token, so there are at most N rows.
      requireCount("compressTokens", "count", count, N);
      requireTokens(tokens, destination, B, N);
      return composites.compressTokens(destination, count, tokens);
    },
  };
}

const tensors = arrayOf("tensors");

function requireTokens<T extends Tensor>(tokens: TokenValues<T>, destination: T, B: number, N: number): void {
  const op = "compressTokens";
  checkArgument(op, "tokens", tokens, object);
  const { size, averaged, summed } = tokens;
  if (size !== undefined) requireShape(op, "size", size, [B, N, 1], { destination }, true);
  if (averaged !== undefined) requireShape(op, "averaged", averaged, [B, N, "C"], { destination });
  checkArgument(op, "summed", summed, tensors);
  for (const [i, x] of summed.entries()) requireShape(op, `summed[${i}]`, x, [B, N, "F"], { destination }, true);
}
