/** A model whose parameters can change: its answers, and the gradients of a loss. */
import type { HostTensor, Program, Tensors } from "@ppt-vit/core/backend";
import { segmentGradients } from "./segments.js";
import type { ProgramTensor, TfTensor, TrainingEngine } from "./tfjs.js";

export interface TrainerOptions {
  readonly engine: TrainingEngine;
  readonly program: Program;
  /** All parameters by the program's names. */
  readonly params: Tensors<HostTensor>;
  /** Names of those that are trained. */
  readonly trained: readonly string[];
  /** Of what the program takes for one picture: its pixels [3, H, W], or what another program made of them. */
  readonly inputShape: readonly number[];
  /** Whether activations of a block are computed again for its gradient, instead of being kept. */
  readonly recompute: boolean;
}

/** A batch with the loss that is made of the answers [B, N] to it. */
export interface TrainingBatch {
  /** [B, ...inputShape] */
  readonly pixels: Float32Array;
  readonly batch: number;
  lossOf(answers: TfTensor): TfTensor;
}

export interface Trainer {
  /** The logits or embeddings [B, N] of a batch. */
  answers(pixels: Float32Array, batch: number): Promise<Float32Array>;
  /** The loss and its gradient for every trained parameter. */
  gradients(batch: TrainingBatch): Promise<{ readonly loss: number; readonly gradients: Map<string, Float32Array> }>;
  /** Replaces the values of trained parameters on the device. */
  put(values: ReadonlyMap<string, Float32Array>): void;
  dispose(): void;
}

/** What a program answers: logits, or an embedding without a classifier. */
export function answerOf(outputs: Tensors<ProgramTensor>): ProgramTensor {
  const answer = outputs.logits ?? outputs.embedding;
  if (!answer) throw new Error("the program returns neither logits nor an embedding");
  return answer;
}

/** The parameters stay on the device. Trainers of one engine may share those that are not trained. */
export function createTrainer(
  options: TrainerOptions,
  shared: Tensors<TfTensor> = {},
): Trainer & { device: Tensors<TfTensor> } {
  const { engine, program, params, trained, inputShape, recompute } = options;
  const { tf, ops } = engine;
  const own = new Set<string>();
  const upload = ({ shape, data }: HostTensor) => tf.tensor(data.slice(), [...shape], "float32");
  const device: Record<string, TfTensor> = {};
  engine.run(() => {
    for (const [name, host] of Object.entries(params)) {
      const taken = trained.includes(name) ? undefined : shared[name];
      if (!taken) own.add(name);
      device[name] = taken ?? tf.keep(upload(host));
    }
    return [];
  });
  let current = { ...device } as Tensors<ProgramTensor>;
  const input = (pixels: Float32Array, batch: number) =>
    tf.tensor(pixels, [batch, ...inputShape], "float32") as ProgramTensor;

  return {
    device,
    async answers(pixels, batch) {
      const answer = engine.run(() => answerOf(program(ops, current, { pixel_values: input(pixels, batch) })).clone());
      return read(answer);
    },

    async gradients({ pixels, batch, lossOf }) {
      const xs = trained.map((name) => current[name]!);
      const { value, gradients } = engine.run(() => {
        const inputs = { pixel_values: input(pixels, batch) };
        const of = (outputs: Tensors<ProgramTensor>) => lossOf(answerOf(outputs));
        const found = recompute
          ? segmentGradients(engine, (ops) => program(ops, current, inputs), of, xs)
          : engine.gradients(() => tf.tidy(() => of(program(ops, current, inputs))), xs);
        return found;
      });
      const loss = (await read(value))[0]!;
      const byName = new Map<string, Float32Array>();
      for (const [i, name] of trained.entries()) {
        const gradient = gradients[i];
        byName.set(name, gradient ? await read(gradient) : new Float32Array(xs[i]!.size));
      }
      return { loss, gradients: byName };
    },

    put(values) {
      engine.run(() => {
        for (const [name, data] of values) {
          device[name]!.dispose();
          device[name] = tf.keep(tf.tensor(data.slice(), [...params[name]!.shape], "float32"));
        }
        return [];
      });
      current = { ...device } as Tensors<ProgramTensor>;
    },

    dispose() {
      for (const name of own) device[name]!.dispose();
    },
  };

  /** The values, copied because engines on host memory return the tensor's own memory. The tensor is freed. */
  async function read(x: TfTensor): Promise<Float32Array> {
    const data = Float32Array.from(await x.data<"float32">());
    x.dispose();
    return data;
  }
}
