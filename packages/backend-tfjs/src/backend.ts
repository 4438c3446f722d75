/** TensorFlow.js backend: the program runs operation by operation on an engine of TensorFlow.js. */
import { isPptError, PptError, reasonOf } from "@ppt-vit/core";
import {
  type Backend,
  type CompileOptions,
  callProgram,
  checkFeedShapes,
  checkProgram,
  type Executable,
  makeExecutable,
  type Ops,
  ownExecutables,
  type Program,
  resolveOps,
  type Tensors,
} from "@ppt-vit/core/backend";
import { type Checks, checkArgument, checkOptions, flag, text } from "@ppt-vit/core/options";
import type { TfjsDevice } from "./devices.js";
import { type Engine, openEngine } from "./engine.js";
import { tfjsOverrides } from "./overrides.js";
import { type Held, holdTensors, tfjsPrimitives, upload } from "./primitives.js";
import { probe } from "./probe.js";
import { engineOf, loadTfjs } from "./runtime.js";
import { type Tfjs, type TfjsTensor, type TfTensor, tfjsCheck } from "./tfjs.js";
import { traitsOf, withoutSpeed } from "./traits.js";

export interface TfjsBackendOptions {
  /** TensorFlow.js, as your application uses it. Loaded by device when left out. */
  readonly tf?: Tfjs;
  /** Default: the engine that is active in `tf`; without `tf`, `wasm`. */
  readonly device?: TfjsDevice;
  /** Runs default decompositions as TensorFlow.js comes, for comparison: nothing that is there for speed. */
  readonly decomposed?: boolean | undefined;
}

export interface TfjsBackend extends Backend {
  compile(program: Program, options: CompileOptions): Promise<TfjsExecutable>;
}

export interface TfjsExecutable extends Executable {
  /**
   * Runs on tensors of TensorFlow.js and returns such: nothing is copied to the host, and nothing is awaited. Feeds stay
   * the caller's, and the outputs become the caller's to dispose; inside `tf.tidy` they are tracked as usual.
   * @throws PptError INVALID_INPUT where a feed is missing, of another shape or type, or on another engine; DISPOSED
   */
  runTensors(feeds: Tensors<TfTensor>): Record<string, TfTensor>;
}

const optionChecks: Checks<TfjsBackendOptions> = { tf: tfjsCheck, device: text, decomposed: flag };
const misnamed = {
  dtype: "TensorFlow.js computes in the precision of its engine",
  threads: "call setThreadsCount() of @tensorflow/tfjs-backend-wasm",
};

/**
 * A backend on TensorFlow.js. TensorFlow.js has one active engine for the whole page or process: this backend makes its
 * own active while a program runs, which is synchronous, and then the one before active again.
 * @throws PptError BACKEND_UNAVAILABLE where a package is missing or the engine does not start, INVALID_OPTION
 */
export async function createTfjsBackend(options: TfjsBackendOptions = {}): Promise<TfjsBackend> {
  const { tf, device, decomposed } = checkOptions("createTfjsBackend", options, optionChecks, { misnamed });
  const wanted = device ?? (tf ? undefined : defaultDevice);
  const engineName = wanted && engineOf(wanted);
  const engine = await openEngine(tf ?? (await loadTfjs(wanted!)), engineName);
  const { precision, nonFinite } = await guarded(engine, () => probe(engine));
  const executables = ownExecutables("TensorFlow.js backend");

  return {
    specVersion: 1,
    name: `tfjs-${wanted ?? engine.name}`,
    // Matrix products may split their sums by the number of rows.
    capabilities: { precision, nonFinite, batchInvariant: false },

    async compile(program, options) {
      executables.requireLive();
      checkProgram(program, options);
      return guarded(engine, async () => executables.add(compile(engine, program, { ...options, decomposed })));
    },

    dispose: () => executables.dispose(),
  };
}

/** wasm runs everywhere, and starts without a native package or a GPU. */
const defaultDevice = "wasm";

function heldOps({ tf, name }: Pick<Engine, "tf" | "name">, held: Held, decomposed = false): Ops<TfjsTensor> {
  const traits = decomposed ? withoutSpeed(traitsOf(name)) : traitsOf(name);
  return resolveOps(tfjsPrimitives(tf, held, traits), decomposed ? undefined : tfjsOverrides(tf, held, traits));
}

/**
 * The operations on the engine that is active now. With them a program runs as part of your own code: under a gradient
 * tape, with variables for parameters. Call them inside `tf.tidy`, which frees what they make. They also keep a few index
 * tables, which `dispose` frees.
 */
export function createTfjsOps(tf: Tfjs): { readonly ops: Ops<TfjsTensor>; dispose(): void } {
  checkArgument("createTfjsOps", "tf", tf, tfjsCheck);
  const held = holdTensors(tf, { runs: false });
  return { ops: heldOps({ tf, name: tf.getBackend() }, held), dispose: () => held.dispose() };
}

function compile(
  engine: Engine,
  program: Program,
  { params, inputs, decomposed }: CompileOptions & Pick<TfjsBackendOptions, "decomposed">,
): TfjsExecutable {
  const { tf } = engine;
  const held = holdTensors(tf);
  const ops = heldOps(engine, held, decomposed);
  const uploaded = engine.active(() =>
    Object.fromEntries(
      Object.entries(params).map(([name, host]) => [name, held.once({ name }, () => upload(tf, host))]),
    ),
  );
  let disposed = false;

  /** The outputs own their values, also where the program returns a parameter, a feed, or one tensor twice. */
  const run = (fed: () => Tensors<TfTensor>): Record<string, TfTensor> =>
    engine.active(() => {
      try {
        return tf.tidy(() => {
          const outputs = callProgram(program, ops, uploaded, fed() as Tensors<TfjsTensor>);
          return Object.fromEntries(Object.entries(outputs).map(([name, x]) => [name, x.clone()]));
        });
      } finally {
        held.endRun();
      }
    });

  const executable = makeExecutable({
    inputs,
    run: (feeds) =>
      guarded(engine, async () => {
        const outputs = run(() =>
          Object.fromEntries(Object.keys(inputs).map((name) => [name, upload(tf, feeds[name]!)])),
        );
        try {
          const read = Object.entries(outputs).map(async ([name, x]) => {
            // Where the engine works on host memory this is the tensor's own memory.
            const data = Float32Array.from(await x.data<"float32">());
            return [name, { shape: x.shape, data }] as const;
          });
          return Object.fromEntries(await Promise.all(read));
        } finally {
          for (const x of Object.values(outputs)) x.dispose();
        }
      }),
    dispose() {
      disposed = true;
      held.dispose();
    },
  });

  return {
    ...executable,
    runTensors(feeds) {
      if (disposed)
        throw new PptError("DISPOSED", "runTensors: this executable was disposed; compile the program again");
      checkFeedShapes(inputs, feeds);
      for (const name of Object.keys(inputs)) {
        const { dtype } = feeds[name]!;
        if (dtype !== "float32")
          throw new PptError("INVALID_INPUT", `runTensors: input '${name}' is ${dtype}, expected float32: cast it`);
        // Otherwise TensorFlow.js would read it back, in the middle of the run, and put it on this engine.
        if (!engine.holds(feeds[name]!))
          throw new PptError(
            "INVALID_INPUT",
            `runTensors: input '${name}' is on another engine than '${engine.name}': make it while that one is active`,
          );
      }
      return run(() => feeds);
    },
  };
}

/** Names the engine in what TensorFlow.js throws, and notices a device that was lost on the way. */
async function guarded<R>(engine: Engine, body: () => Promise<R>): Promise<R> {
  let result: R;
  try {
    // Where the application is starting another engine just now, TensorFlow.js must not be given a third.
    await engine.tf.ready();
    result = await body();
  } catch (cause) {
    if (isPptError(cause)) throw cause;
    throw failure(engine, engine.lost() ?? reasonOf(cause), cause);
  }
  const lost = engine.lost();
  if (lost) throw failure(engine, lost);
  return result;
}

const failure = (engine: Engine, reason: string, cause?: unknown): PptError =>
  new PptError("BACKEND_UNAVAILABLE", `the TensorFlow.js engine '${engine.name}' failed: ${reason}`, { cause });
