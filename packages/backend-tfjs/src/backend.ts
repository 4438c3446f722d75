/** The TensorFlow.js backend. It runs programs operation by operation on one engine of TensorFlow.js. */
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
import { name as packageName, version } from "../package.json";
import type { TfjsDevice } from "./devices.js";
import { type Engine, openEngine } from "./engine.js";
import { tfjsOverrides } from "./overrides.js";
import { type Held, holdTensors, tfjsPrimitives, upload } from "./primitives.js";
import { probe } from "./probe.js";
import type { Tfjs as Namespace, ProgramTensor, TensorOf } from "./public-types.js";
import { engineOf, loadTfjs } from "./runtime.js";
import { type Tfjs, type TfjsTensor, type TfTensor, tfjsCheck } from "./tfjs.js";
import { traitsOf, withoutSpeed } from "./traits.js";

/** Options of `createTfjsBackend`. */
export interface TfjsBackendOptions<T extends Namespace = Namespace> {
  /** The TensorFlow.js namespace that your application uses. Default: the packages of `device` are loaded. */
  readonly tf?: T | undefined;
  /** Default: the engine that is active in `tf`, or `wasm` without `tf`. */
  readonly device?: TfjsDevice | undefined;
  /** Whether to leave out everything that is there for speed. Only comparisons need it. Default: false. */
  readonly decomposed?: boolean | undefined;
}

/** A backend whose programs also take and give tensors of TensorFlow.js. */
export interface TfjsBackend<T extends Namespace = Namespace> extends Backend {
  compile(program: Program, options: CompileOptions): Promise<TfjsExecutable<T>>;
}

export interface TfjsExecutable<T extends Namespace = Namespace> extends Executable {
  /**
   * Runs on tensors of TensorFlow.js and returns tensors of TensorFlow.js. It is synchronous and copies nothing to the host.
   * The caller keeps the feeds, and must dispose the outputs. Inside `tf.tidy` the outputs are tracked as usual.
   * @throws PptError INVALID_INPUT if a feed is missing, has the wrong shape or type, or is on another engine; DISPOSED
   */
  runTensors(feeds: Readonly<Record<string, TensorOf<T>>>): Record<string, TensorOf<T>>;
}

const optionChecks: Checks<TfjsBackendOptions> = { tf: tfjsCheck, device: text, decomposed: flag };
const misnamed = {
  dtype: "TensorFlow.js computes in the precision of its engine",
  threads: "call setThreadsCount() of @tensorflow/tfjs-backend-wasm",
};

/**
 * A backend on an engine of TensorFlow.js. TensorFlow.js has one active engine for the whole page or process. This backend
 * activates its own engine while a program runs, which is synchronous, and then the previous one again.
 * In TypeScript, tensors have the types of `tf`. Without `tf`, name them: `createTfjsBackend<typeof tf>({ device })`.
 * @throws PptError BACKEND_UNAVAILABLE if a package is missing or the engine does not start; INVALID_OPTION
 */
export async function createTfjsBackend<T extends Namespace = Namespace>(
  options: TfjsBackendOptions<T> = {},
): Promise<TfjsBackend<T>> {
  const { tf: given, device, decomposed } = checkOptions("createTfjsBackend", options, optionChecks, { misnamed });
  const tf = given as Tfjs | undefined;
  const wanted = device ?? (tf ? undefined : defaultDevice);
  const engineName = wanted && engineOf(wanted);
  const engine = await openEngine(tf ?? (await loadTfjs(wanted!)), engineName);
  const { precision, nonFinite } = await guarded(engine, () => probe(engine));
  const executables = ownExecutables("TensorFlow.js backend");

  return {
    specVersion: 1,
    name: `tfjs-${wanted ?? engine.name}`,
    // Engines may split the sums of a matrix product differently for another number of rows.
    capabilities: { precision, nonFinite, batchInvariant: false },
    ...runtimeOf(engine.tf),

    async compile(program, options) {
      executables.requireLive();
      checkProgram(program, options);
      return guarded(engine, async () => {
        const executable = compile(engine, program, { ...options, decomposed });
        return executables.add(executable) as unknown as TfjsExecutable<T>;
      });
    },

    dispose: () => executables.dispose(),
  };
}

/** The field `runtime` of a backend. All packages of TensorFlow.js are published together, with one version. */
function runtimeOf(tf: Tfjs & { readonly version_core?: unknown }): Pick<Backend, "runtime"> {
  const { version_core: core } = tf;
  return typeof core === "string" ? { runtime: `${packageName} ${version}, @tensorflow/tfjs-core ${core}` } : {};
}

/** `wasm` runs everywhere, and needs neither a native package nor a GPU. */
const defaultDevice = "wasm";

function heldOps({ tf, name }: Pick<Engine, "tf" | "name">, held: Held, decomposed = false): Ops<TfjsTensor> {
  const traits = decomposed ? withoutSpeed(traitsOf(name)) : traitsOf(name);
  return resolveOps(tfjsPrimitives(tf, held, traits), decomposed ? undefined : tfjsOverrides(tf, held, traits));
}

/**
 * The operations on the engine that is now active. With them a program becomes part of your own code, for example under a
 * gradient tape with variables for parameters. Call them inside `tf.tidy`, which frees their results. They also keep a few
 * index tables, which `dispose` frees.
 */
export function createTfjsOps<T extends Namespace>(given: T): { readonly ops: Ops<ProgramTensor<T>>; dispose(): void } {
  checkArgument("createTfjsOps", "tf", given, tfjsCheck);
  const tf = given as unknown as Tfjs;
  const held = holdTensors(tf, { runs: false });
  const ops: Ops<TfjsTensor> = heldOps({ tf, name: tf.getBackend() }, held);
  return { ops: ops as unknown as Ops<ProgramTensor<T>>, dispose: () => held.dispose() };
}

function compile(
  engine: Engine,
  program: Program,
  { params, inputs, decomposed }: CompileOptions & Pick<TfjsBackendOptions, "decomposed">,
): Executable & { runTensors(feeds: Tensors<TfTensor>): Record<string, TfTensor> } {
  const { tf } = engine;
  const held = holdTensors(tf);
  const ops = heldOps(engine, held, decomposed);
  const uploaded = engine.active(() =>
    Object.fromEntries(
      Object.entries(params).map(([name, host]) => [name, held.once({ name }, () => upload(tf, host))]),
    ),
  );
  let disposed = false;

  /** Clones the outputs, because a program may return a parameter, a feed, or one tensor twice. */
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
            // Copied, because engines on host memory return the tensor's own memory.
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
        // TensorFlow.js would otherwise read the feed back in the middle of the run, and move it to this engine.
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

/** Runs `body`. Errors of TensorFlow.js then name the engine, and a device that was lost meanwhile becomes an error. */
async function guarded<R>(engine: Engine, body: () => Promise<R>): Promise<R> {
  let result: R;
  try {
    // The application may be starting another engine. TensorFlow.js must finish that before it switches again.
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
