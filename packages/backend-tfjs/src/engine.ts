/** One engine of TensorFlow.js (`wasm`, `webgpu`, `tensorflow`, ...), whichever engine is active. */
import { PptError } from "@ppt-vit/core";
import { namingViolations } from "@ppt-vit/core/backend";
import type { Tfjs, TfTensor } from "./tfjs.js";
import { prepareWasm } from "./wasm.js";

export interface Engine {
  readonly tf: Tfjs;
  /** The name under which TensorFlow.js registers it. */
  readonly name: string;
  /** Runs `body` with this engine active, then activates the previous engine again. `body` must be synchronous. */
  active<R>(body: () => R): R;
  /** Whether this engine holds the tensor's values. */
  holds(x: TfTensor): boolean;
  /** Why the device can no longer be used, or undefined while it can. */
  lost(): string | undefined;
}

/** The last start of an engine, by TensorFlow.js instance. Starts wait for it, because TensorFlow.js mixes up parallel ones. */
const lastStart = new WeakMap<object, Promise<unknown>>();

/**
 * Starts the engine registered as `name`. Default: the active engine. The engine that was active before stays active.
 * @throws PptError BACKEND_UNAVAILABLE if it is not registered or does not start
 */
export function openEngine(tf: Tfjs, name?: string): Promise<Engine> {
  const state = tf.engine();
  const opened = Promise.resolve(lastStart.get(state)).then(() => startEngine(tf, name));
  lastStart.set(
    state,
    opened.catch(() => {}),
  );
  return opened;
}

async function startEngine(tf: Tfjs, name?: string): Promise<Engine> {
  // An engine may be starting elsewhere. Wait for it.
  if (name === undefined || tf.getBackend()) await tf.ready();
  const before = tf.getBackend();
  const chosen = name ?? before;
  const state = tf.engine();
  if (!(chosen in state.registryFactory)) {
    const registered = Object.keys(state.registryFactory).join(", ") || "none";
    throw new PptError(
      "BACKEND_UNAVAILABLE",
      `TensorFlow.js has no engine '${chosen}' here; registered: ${registered}. ${howToRegister(chosen)}`,
    );
  }
  if (chosen === "wasm" && !(chosen in state.registry)) await prepareWasm(tf);
  try {
    await namingViolations(`the TensorFlow.js engine '${chosen}'`, async () => {
      if (await tf.setBackend(chosen)) return;
      throw new PptError(
        "BACKEND_UNAVAILABLE",
        `the TensorFlow.js engine '${chosen}' did not start. ${advice(chosen)}`,
      );
    });
  } finally {
    if (before && before !== chosen) await tf.setBackend(before);
  }
  const backend = state.registry[chosen]!;

  /** Both engines have started, so `setBackend` switches synchronously, before its promise resolves. */
  function activate(engine: string): void {
    void tf.setBackend(engine);
  }

  return {
    tf,
    name: chosen,
    active(body) {
      if (state.registry[chosen] !== backend)
        throw new PptError(
          "BACKEND_UNAVAILABLE",
          `the TensorFlow.js engine '${chosen}' was removed since this backend was created: create another`,
        );
      const other = tf.getBackend();
      if (other === chosen) return body();
      activate(chosen);
      try {
        return body();
      } finally {
        if (other && state.registry[other]) activate(other);
      }
    },
    holds: (x) => state.state.tensorInfo.get(x.dataId)?.backend === backend,
    lost: () => lostContext(backend),
  };
}

/** A lost WebGL context must be asked for, because WebGL then returns zeros without an error. */
function lostContext(backend: object): string | undefined {
  const { getGPGPUContext } = backend as { getGPGPUContext?: () => { gl: WebGLRenderingContext } };
  return getGPGPUContext?.call(backend).gl.isContextLost() ? "the WebGL context was lost" : undefined;
}

function howToRegister(engine: string): string {
  if (engine === "tensorflow") return "Pass @tensorflow/tfjs-node or @tensorflow/tfjs-node-gpu as tf";
  return `Import @tensorflow/tfjs-backend-${engine} before${engine === "webgpu" ? "; it registers only where navigator.gpu exists" : ""}`;
}

function advice(engine: string): string {
  switch (engine) {
    case "webgpu":
      return "No usable WebGPU adapter: take device 'webgl' or 'wasm', or see chrome://gpu";
    case "webgl":
      return "No WebGL here: take device 'wasm'";
    case "wasm":
      return "Its .wasm files must be found: call setWasmPaths of @tensorflow/tfjs-backend-wasm first";
    default:
      return "TensorFlow.js says why in the console";
  }
}
