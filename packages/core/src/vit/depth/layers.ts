/** The layers of a depth head: what checkpoints call them, their shapes, and what the program makes of them. */
import { derivedTensor, partOfTensor } from "../../lazy-tensor.js";
import type { HostTensor, Shape } from "../../seam.js";
import { sizeOf } from "../../shape.js";
import type { VisionModelConfig } from "../config.js";
import type { DepthHead } from "./config.js";
import { depthSizes, type MapSize } from "./sizes.js";

/** How the program reads a stored weight: a convolution as it is, the others as linear layers [O, I]. */
type Form = "convolution" | "pointwise" | "transposed" | "readout";

interface DepthLayer {
  /** The parameter's name behind `depth.`, without `.weight` and `.bias`. */
  readonly key: string;
  /** The tensor's name in a checkpoint, without `.weight` and `.bias`. */
  readonly name: string;
  readonly form: Form;
  /** Of the weight, as checkpoints store it. */
  readonly shape: Shape;
  readonly biased: boolean;
  /** At how many places of one picture the weight is multiplied. */
  readonly places: number;
}

const area = ([rows, columns]: MapSize): number => rows * columns;

/** Every layer of the head. Empty without one. */
export function depthLayers(config: VisionModelConfig): readonly DepthLayer[] {
  const { depth: head, hiddenSize: C } = config;
  if (!head) return [];
  const sizes = depthSizes(config, head);
  return [
    ...reassembleLayers(head, C, area(sizes.grid), sizes.stages),
    ...fusionLayers(head, sizes.stages, sizes.fused),
    ...headLayers(head, sizes.fused.at(-1)!, sizes.depth),
  ];
}

function reassembleLayers(head: DepthHead, C: number, patches: number, stages: readonly MapSize[]): DepthLayer[] {
  const { readout, neckSizes, factors, fusionSize } = head;
  return neckSizes.flatMap((channels, i): DepthLayer[] => {
    const factor = factors[i]!;
    const at = `neck.reassemble_stage`;
    const resize = { key: `resize.${i}`, name: `${at}.layers.${i}.resize`, biased: true, places: patches };
    return [
      ...(readout === "project"
        ? [
            {
              key: `readout.${i}`,
              name: `${at}.readout_projects.${i}.0`,
              form: "readout" as const,
              shape: [C, 2 * C],
              biased: true,
              places: patches,
            },
          ]
        : []),
      {
        key: `projection.${i}`,
        name: `${at}.layers.${i}.projection`,
        form: "pointwise",
        shape: [channels, C, 1, 1],
        biased: true,
        places: patches,
      },
      ...(factor > 1 ? [{ ...resize, form: "transposed" as const, shape: [channels, channels, factor, factor] }] : []),
      ...(factor < 1
        ? [{ ...resize, form: "convolution" as const, shape: [channels, channels, 3, 3], places: area(stages[i]!) }]
        : []),
      {
        key: `neck.${i}`,
        name: `neck.convs.${i}`,
        form: "convolution",
        shape: [fusionSize, channels, 3, 3],
        biased: false,
        places: area(stages[i]!),
      },
    ];
  });
}

/** Fusion goes from the last stage to the first. The first fusion has no other map to add, and does not use its first unit. */
function fusionLayers(head: DepthHead, stages: readonly MapSize[], fused: readonly MapSize[]): DepthLayer[] {
  const { fusionSize: F, fusionBias } = head;
  return fused.flatMap((_, k): DepthLayer[] => {
    const places = area(fused[k - 1] ?? stages.at(-1)!);
    const at = `neck.fusion_stage.layers.${k}`;
    const unit = (n: number) =>
      [1, 2].map(
        (i): DepthLayer => ({
          key: `fusion.${k}.unit${n}.convolution${i}`,
          name: `${at}.residual_layer${n}.convolution${i}`,
          form: "convolution",
          shape: [F, F, 3, 3],
          biased: fusionBias,
          places,
        }),
      );
    return [
      ...(k === 0 ? [] : unit(1)),
      ...unit(2),
      {
        key: `fusion.${k}.projection`,
        name: `${at}.projection`,
        form: "convolution",
        shape: [F, F, 1, 1],
        biased: true,
        places,
      },
    ];
  });
}

function headLayers(head: DepthHead, last: MapSize, depth: MapSize): DepthLayer[] {
  const { fusionSize: F, headSize, headProjection } = head;
  const half = Math.floor(F / 2);
  const layer = (name: string, shape: Shape, at: MapSize): DepthLayer => ({
    key: `head.${name}`,
    name: `head.${name}`,
    form: "convolution",
    shape,
    biased: true,
    places: area(at),
  });
  return [
    ...(headProjection ? [layer("projection", [F, F, 3, 3], last)] : []),
    layer("conv1", [half, F, 3, 3], last),
    layer("conv2", [headSize, half, 3, 3], depth),
    layer("conv3", [1, headSize, 1, 1], depth),
  ];
}

/** Shapes of the head's tensors in a checkpoint, by whole names. */
export function depthShapes(config: VisionModelConfig): Record<string, Shape> {
  const shapes: Record<string, Shape> = {};
  for (const { name, form, shape, biased } of depthLayers(config)) {
    shapes[`${name}.weight`] = shape;
    // A transposed convolution stores its inputs first.
    if (biased) shapes[`${name}.bias`] = [shape[form === "transposed" ? 1 : 0]!];
  }
  return shapes;
}

/**
 * Reads the head's parameters. Their names begin with `depth.`. Empty without a head.
 * @throws PptError INVALID_WEIGHTS
 */
export function depthParameters(
  config: VisionModelConfig,
  read: (name: string, shape: Shape) => HostTensor,
): Record<string, HostTensor> {
  const parameters: Record<string, HostTensor> = {};
  const shapes = depthShapes(config);
  for (const { key, name, form, shape, biased } of depthLayers(config)) {
    const stored = (suffix: "weight" | "bias") => read(`${name}.${suffix}`, shapes[`${name}.${suffix}`]!);
    Object.assign(
      parameters,
      prefixed(`depth.${key}`, formed(form, shape, stored("weight"), biased ? stored("bias") : undefined)),
    );
  }
  return parameters;
}

const prefixed = (key: string, parts: Record<string, HostTensor | undefined>): Record<string, HostTensor> =>
  Object.fromEntries(Object.entries(parts).flatMap(([part, tensor]) => (tensor ? [[`${key}.${part}`, tensor]] : [])));

function formed(
  form: Form,
  shape: Shape,
  weight: HostTensor,
  bias: HostTensor | undefined,
): Record<string, HostTensor | undefined> {
  const [first, second] = shape as [number, number];
  switch (form) {
    case "convolution":
      return { weight, bias };
    case "pointwise":
      return { weight: partOfTensor(weight, 0, [first, second]), bias };
    case "transposed": {
      // Each input becomes a square of outputs, so the layer is linear: [I, O, f, f] -> [O f f, I], the bias repeated.
      const square = sizeOf(shape.slice(2));
      const O = second * square;
      return {
        weight: derivedTensor(weight, [O, first], (data) =>
          Float32Array.from({ length: data.length }, (_, i) => data[(i % first) * O + Math.floor(i / first)]!),
        ),
        bias: derivedTensor(bias!, [O], (data) =>
          Float32Array.from({ length: O }, (_, i) => data[Math.floor(i / square)]!),
        ),
      };
    }
    case "readout": {
      // The layer reads a patch and the class token side by side. Its second half is multiplied once for all patches.
      const half = (begin: number) => (data: Float32Array) => {
        const out = new Float32Array(first * first);
        for (let row = 0; row < first; row++)
          out.set(data.subarray(row * second + begin, row * second + begin + first), row * first);
        return out;
      };
      return {
        weight: derivedTensor(weight, [first, first], half(0)),
        "class.weight": derivedTensor(weight, [first, first], half(first)),
        "class.bias": bias,
      };
    }
  }
}

/** Multiply-accumulates of the head for one picture. */
export const depthMacs = (config: VisionModelConfig): number =>
  depthLayers(config).reduce((sum, { shape, places }) => sum + places * sizeOf(shape), 0);
