/**
 * A program in two: up to the first removal of tokens, and after it. Where nothing before the removal is trained, what leaves it is the
 * same for a picture in every epoch. Then it is computed once, and a step costs only what comes after it.
 */
import type { Ops, Program, Tensors } from "@ppt-vit/core/backend";
import type { ProgramTensor, TfTensor, TrainingEngine } from "./tfjs.js";

/** What leaves the first stage: tokens, their sizes, and their places where the model has rotary positions. */
type Entered = Readonly<Record<string, ProgramTensor>>;

export interface SplitProgram {
  /** pixel_values -> embedding [B, W]: all that leaves the first stage, a row for each picture. */
  readonly before: Program;
  /** pixel_values [B, W], which `before` gave -> what the whole program returns. `before` must have run once. */
  readonly after: Program;
}

/** The scope of a stage inside its block. */
const stageScope = "ppt";
const parts = ["x", "size", "coordinates"] as const;

/** @param layer the first block that removes tokens */
export function splitProgram({ tf }: TrainingEngine, program: Program, layer: number): SplitProgram {
  const block = `blocks.${layer}`;
  const isFrozen = (name: string) =>
    name === "embeddings" || (/^blocks\.\d+$/.test(name) && Number(name.slice("blocks.".length)) < layer);
  let shapes: (readonly [name: string, shape: readonly number[]])[] = [];

  /** Runs the program with `scoped` in place of its scopes. It is told whether it is called inside of the block that reduces. */
  function run(
    ops: Ops<ProgramTensor>,
    params: Tensors<ProgramTensor>,
    inputs: Tensors<ProgramTensor>,
    scoped: <R>(name: string, body: () => R, isInside: boolean) => R,
  ): Tensors<ProgramTensor> {
    let isInside = false;
    const scope = <R>(name: string, body: () => R): R => {
      const before = isInside;
      const entering = () => {
        isInside ||= name === block;
        try {
          return body();
        } finally {
          isInside = before;
        }
      };
      return scoped(name, entering, before);
    };
    return program({ ...ops, scope }, params, inputs);
  }

  function before(ops: Ops<ProgramTensor>, params: Tensors<ProgramTensor>, inputs: Tensors<ProgramTensor>) {
    let left: Entered = {};
    run(ops, params, inputs, (name, body, isInside) => {
      if (isInside && name === stageScope) {
        const result = ops.scope(name, body);
        left = result as Entered;
        return result;
      }
      if (name !== block) return ops.scope(name, body);
      // A scope frees what it does not return.
      const [result, kept] = ops.scope(name, () => [body(), left] as const);
      left = kept;
      return result;
    });
    const B = inputs.pixel_values!.shape[0]!;
    const found = parts.flatMap((name) => (left[name] ? [[name, left[name]] as const] : []));
    shapes = found.map(([name, x]) => [name, x.shape.slice(1)]);
    const rows = found.map(([, x]) => tf.reshape(tf.cast(x, "float32"), [B, x.size / B]));
    return { embedding: tf.concat(rows, 1) as ProgramTensor };
  }

  function after(ops: Ops<ProgramTensor>, params: Tensors<ProgramTensor>, inputs: Tensors<ProgramTensor>) {
    const rows = inputs.pixel_values!;
    const B = rows.shape[0]!;
    return run(ops, params, inputs, <R>(name: string, body: () => R, isInside: boolean): R => {
      if (isFrozen(name)) return {} as R;
      if (isInside && name === "attention") return { observed: {} } as R;
      if (!isInside || name !== stageScope) return ops.scope(name, body);
      let start = 0;
      const entered: Record<string, TfTensor> = {};
      for (const [part, shape] of shapes) {
        const length = shape.reduce((product, n) => product * n, 1);
        entered[part] = tf.reshape(tf.slice(rows, [0, start], [B, length]), [B, ...shape]);
        start += length;
      }
      return entered as R;
    });
  }
  return { before: before as Program, after: after as Program };
}
