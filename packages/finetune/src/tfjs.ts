/** TensorFlow.js as training uses it: an engine, its gradients, and the program's operations. */
import { createTfjsOps, openTfjs, type Tfjs, type TfjsDevice } from "@ppt-vit/backend-tfjs";
import { PptError } from "@ppt-vit/core";
import type { Ops, Tensor } from "@ppt-vit/core/backend";
import type * as core from "@tensorflow/tfjs-core";

export type Tf = typeof core;
export type TfTensor = core.Tensor;
/** A tensor as the program sees it. */
export type ProgramTensor = TfTensor & Tensor;

/** The devices of `@ppt-vit/backend-tfjs`. */
export type Device = TfjsDevice | undefined;

export interface TrainingEngine {
  readonly tf: Tf;
  /** The name under which TensorFlow.js registers the engine. */
  readonly name: string;
  readonly ops: Ops<ProgramTensor>;
  /** Runs `body`, which must be synchronous, on this engine. Tensors that it does not return are freed. */
  run<R>(body: () => R): R;
  /**
   * The value of `f`, a scalar, and its gradient with respect to each of `xs`; undefined for one that has no influence.
   * @throws PptError BACKEND_UNAVAILABLE that names an operation without a gradient
   */
  gradients(f: () => TfTensor, xs: readonly TfTensor[]): { value: TfTensor; gradients: (TfTensor | undefined)[] };
  dispose(): void;
}

interface Engine {
  gradients(
    f: () => TfTensor,
    xs: TfTensor[],
    dy: null,
    allowNoGradient: boolean,
  ): { value: TfTensor; grads: (TfTensor | undefined)[] };
}

/** @throws PptError BACKEND_UNAVAILABLE, INVALID_OPTION */
export async function openTraining(options: { tf?: Tfjs | undefined; device?: Device }): Promise<TrainingEngine> {
  const opened = await openTfjs(options);
  const tf = opened.tf as unknown as Tf;
  // The copy in this package registers them for every copy of TensorFlow.js, which share their engine.
  if (!tf.getGradient("Add")) await import("./register-gradients.js");
  const { ops, dispose } = opened.active(() => createTfjsOps(opened.tf));
  return {
    tf,
    name: opened.engine,
    ops: ops as unknown as Ops<ProgramTensor>,
    run: <R>(body: () => R) => opened.active(() => tf.tidy(body as () => core.TensorContainer)) as R,
    gradients(f, xs) {
      try {
        const engine = tf.engine() as unknown as Engine;
        const { value, grads } = engine.gradients(f, [...xs], null, true);
        return { value, gradients: grads.map((gradient) => gradient ?? undefined) };
      } catch (cause) {
        const found = /gradient function not found for ([\w]+)/.exec(cause instanceof Error ? cause.message : "");
        if (!found) throw cause;
        throw new PptError(
          "BACKEND_UNAVAILABLE",
          `TensorFlow.js has no gradient for the operation '${found[1]}' on '${opened.engine}', which this model or its policy uses: train a model without it, or register one with tf.registerGradient`,
          { cause },
        );
      }
    },
    dispose: () => opened.active(dispose),
  };
}
