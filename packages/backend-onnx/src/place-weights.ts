/**
 * Where a runtime takes the weights beside a model from. What it copies from an array is in memory up to four times while a
 * session opens, so no runtime gets all arrays at once (docs/decisions/0023-memory-of-loading.md).
 */
import type { OnnxDevice } from "./devices.js";
import type { ExternalData, WeightBeside } from "./proto.js";
import { isNode } from "./runtime.js";
import type { OnnxRuntime, OnnxSessionOptions } from "./runtime-types.js";

/** Options of the session that takes the weights, and what to do once it is open or has failed. */
export interface PlacedWeights {
  readonly options: Pick<OnnxSessionOptions, "extra"> & { readonly externalData?: readonly ExternalData[] };
  release(): void;
}

/** Fewer bytes are not worth files of their own. */
const fewBytes = 2 ** 22;

export async function placeWeights(
  { env }: OnnxRuntime,
  device: OnnxDevice,
  beside: readonly WeightBeside[],
  { optimizedModelFilePath }: OnnxSessionOptions,
): Promise<PlacedWeights> {
  if (beside.length === 0) return inArrays([]);
  const bytes = beside.reduce((sum, { length }) => sum + length, 0);
  // A saved model would refer to the files, which are gone once the session is open.
  const isLarge = bytes >= fewBytes && optimizedModelFilePath === undefined;
  if (device === "cpu" && env?.versions?.node && isLarge) return (await inFiles(beside)) ?? inArrays(beside);
  // With a proxy, the runtime sends copies of the arrays to a worker.
  if (device === "wasm" && !env?.wasm?.proxy) return inArrays(beside.map(onDemand));
  return inArrays(beside);
}

const inArrays = (externalData: readonly ExternalData[]): PlacedWeights => ({
  options: externalData.length > 0 ? { externalData } : {},
  release() {},
});

/**
 * What stands for an array in ONNX Runtime Web. It asks for `byteLength`, calls `subarray` and copies the result into its own
 * memory at once, so the bytes are read then. The array itself is empty: a runtime that used it otherwise would refuse the
 * model.
 */
function onDemand({ path, length, brief }: WeightBeside): ExternalData {
  const data = Object.defineProperties(new Uint8Array(), {
    byteLength: { value: length },
    subarray: { value: (begin: number, end: number) => brief().subarray(begin, end) },
  });
  return { path, data };
}

/**
 * Files in a folder for temporary ones, which native ONNX Runtime maps into memory. It lays each weight out for its products
 * and then lets go of the file, so that a model is in memory once. Undefined where no such files can be written.
 */
async function inFiles(beside: readonly WeightBeside[]): Promise<PlacedWeights | undefined> {
  const modules = nodeModules();
  if (!modules) return undefined;
  const { fs, os, path, process } = modules;
  let folder: string | undefined;
  const release = () => {
    process.off("exit", release);
    // Windows keeps files that are mapped. Its own clean-up removes them.
    try {
      if (folder !== undefined) fs.rmSync(folder, { recursive: true, force: true });
    } catch (error) {
      if (!isOfSystem(error)) throw error;
    }
  };
  // The process may end while a session opens. A folder that only its owner can enter is left if the process is killed.
  process.once("exit", release);
  try {
    folder = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), "ppt-vit-weights-"));
    for (const { path: name, brief } of beside) {
      // Written at once: the bytes may change as soon as anybody else reads weights.
      fs.writeFileSync(path.join(folder, name), brief());
      await new Promise((resolve) => setImmediate(resolve));
    }
  } catch (error) {
    release();
    // A full disk, or one that cannot be written. Then the runtime takes arrays, which costs memory only.
    if (!isOfSystem(error)) throw error;
    process.emitWarning(
      `the weights of a model are copied in memory, because the folder for temporary files cannot hold them: ${error.message}. ` +
        "Set TMPDIR to a folder with more space",
      { code: "PPT_VIT_TEMPORARY_FILES" },
    );
    return undefined;
  }
  return { options: { extra: { session: { model_external_initializers_file_folder_path: folder } } }, release };
}

const isOfSystem = (error: unknown): error is Error => error instanceof Error && "syscall" in error;

/** Bundlers for browsers would look for imports of these modules. */
function nodeModules() {
  const { process } = globalThis as { process?: NodeJS.Process };
  if (!isNode || typeof process?.getBuiltinModule !== "function") return undefined;
  return {
    process,
    fs: process.getBuiltinModule("node:fs"),
    os: process.getBuiltinModule("node:os"),
    path: process.getBuiltinModule("node:path"),
  };
}
