/** The backends that can be asked for by name. Each is an optional peer, loaded when it is first used. */
import { type Backend, PptError } from "@ppt-vit/core";

const loaders: Readonly<Record<string, { package: string; create: () => Promise<Backend> }>> = {
  cpu: {
    package: "@ppt-vit/backend-cpu",
    create: async () => (await import("@ppt-vit/backend-cpu")).createCpuBackend(),
  },
};

/** Names that `createBackend` knows. */
export const backendNames: readonly string[] = Object.keys(loaders);

/** @throws PptError UNKNOWN_BACKEND, or BACKEND_UNAVAILABLE where its package is not installed. */
export async function createBackend(name: string): Promise<Backend> {
  if (!Object.hasOwn(loaders, name))
    throw new PptError("UNKNOWN_BACKEND", `unknown backend '${name}'; available: ${backendNames.join(", ")}`);
  const loader = loaders[name]!;
  try {
    return await loader.create();
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND")) throw error;
    throw new PptError(
      "BACKEND_UNAVAILABLE",
      `backend '${name}' cannot be loaded: install ${loader.package} (npm install ${loader.package})`,
      { cause: error },
    );
  }
}
