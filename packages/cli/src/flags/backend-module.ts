/** Backends from outside: `--backend ./my-backend.js`. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type Backend, type BackendDescriptor, isPptError, PptError, reasonOf } from "@ppt-vit/core";
import { backendCheck, found } from "@ppt-vit/core/options";
import { backendNames, registerBackend } from "@ppt-vit/pipeline";

/** Whether `--backend` names a module: a path or a file: URL. */
export const isModule = (backend: string): boolean => /[\\/]|\.[cm]?[jt]s$/.test(backend);

const forms = "a backend, a function that makes one, or a descriptor { name, open }";

/**
 * Makes the backend of a module known by the module's path as it was typed. The default export is a backend, a function that
 * makes one, or a descriptor as `registerBackend` takes it.
 * @throws PptError NOT_FOUND, BACKEND_UNAVAILABLE where the module does not load, INVALID_OPTION where it exports no backend
 */
export async function registerModule(path: string): Promise<void> {
  if (backendNames.includes(path)) return;
  const file = fileOf(path);
  if (!existsSync(file)) throw new PptError("NOT_FOUND", `backend ${path}: there is no file ${file}`);
  let module: { readonly default?: unknown };
  try {
    module = await import(pathToFileURL(file).href);
  } catch (cause) {
    const reason = reasonOf(cause);
    const missing = /^Cannot find package '([^']+)'/.exec(reason)?.[1];
    const advice = missing === undefined ? "" : `: npm install ${missing} in the module's folder`;
    throw new PptError("BACKEND_UNAVAILABLE", `backend ${path}: the module does not load: ${reason}${advice}`, {
      cause,
    });
  }
  try {
    registerBackend({ ...described(path, module.default), name: path });
  } catch (cause) {
    if (isPptError(cause)) throw cause;
    // A getter or a proxy fails.
    throw new PptError("INVALID_OPTION", `backend ${path}: the default export cannot be read: ${reasonOf(cause)}`, {
      cause,
    });
  }
}

function fileOf(path: string): string {
  if (!path.startsWith("file:")) return resolve(path);
  try {
    return fileURLToPath(path);
  } catch (cause) {
    throw new PptError("NOT_FOUND", `backend ${path}: no file on this machine: ${reasonOf(cause)}`, { cause });
  }
}

function described(path: string, exported: unknown): Omit<BackendDescriptor, "name"> {
  if (typeof exported === "function") return { open: async () => exported() };
  if (backendCheck.holds(exported)) return { open: async () => shared(exported as Backend) };
  if (typeof exported === "object" && exported !== null && "open" in exported) return exported as BackendDescriptor;
  throw new PptError(
    "INVALID_OPTION",
    exported === undefined
      ? `backend ${path}: the module has no default export: write export default, and ${forms}`
      : `backend ${path}: the default export is ${found(exported)}, expected ${forms}`,
  );
}

/** The module's one backend, which lives as long as the process: a command may open it more than once. */
const shared = (backend: Backend): Backend => ({
  specVersion: 1,
  name: backend.name,
  capabilities: backend.capabilities,
  compile: (program, options) => backend.compile(program, options),
  dispose: async () => {},
});
