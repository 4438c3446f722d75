/**
 * Plugins for esbuild and Vite that compile AssemblyScript: `import binary from "./x.ts?simd"` gives a Uint8Array.
 * What stands behind the question mark is the set of instructions: `simd`, or `relaxed` for relaxed SIMD too.
 */
import { createHash } from "node:crypto";
import { dirname, resolve } from "node:path";
import type { Plugin as EsbuildPlugin } from "esbuild";
import type { Plugin as VitePlugin } from "vitest/config";

const marked = /\.ts\?(simd|relaxed)$/;

/** Compiled once in a process, for each set of instructions. */
const compiled = new Map<string, Promise<Uint8Array>>();

/** The binary of `FILE.ts?INSTRUCTIONS`. */
export function compile(marker: string): Promise<Uint8Array> {
  const result = compiled.get(marker) ?? run(marker);
  compiled.set(marker, result);
  return result;
}

async function run(marker: string): Promise<Uint8Array> {
  // The compiler takes a second to load, which tests without kernels need not wait for.
  const { default: asc } = await import("assemblyscript/asc");
  const [path, instructions] = marker.split("?") as [string, string];
  let binary: Uint8Array | undefined;
  const features = instructions === "relaxed" ? ["simd", "relaxed-simd"] : ["simd"];
  const { error, stderr } = await asc.main(
    [
      path,
      ...["--outFile", "out.wasm", "--optimizeLevel", "3", "--noAssert", "--runtime", "stub", "--importMemory"],
      // The first bytes belong to the threads: `reservedBytes` in `packages/backend-wasm/src/kernels.ts`.
      ...["--memoryBase", "4096"],
      ...["--disable", "mutable-globals", ...features.flatMap((feature) => ["--enable", feature])],
    ],
    {
      writeFile: (_name, contents) => {
        if (typeof contents !== "string") binary = contents;
      },
    },
  );
  if (error || !binary) throw new Error(`${path} does not compile: ${error?.message}\n${stderr.toString()}`);
  return tagged(binary);
}

/** The bytes of a tag. */
const tagBytes = 16;
const sectionName = "ppt-vit";

/** The binary with a tag of its content as its last bytes: a custom section, which engines pass over. */
function tagged(binary: Uint8Array): Uint8Array {
  const tag = createHash("sha256").update(binary).digest("hex").slice(0, tagBytes);
  const content = new TextEncoder().encode(`${sectionName}${tag}`);
  return Uint8Array.of(...binary, 0, content.length + 1, sectionName.length, ...content);
}

export const esbuildAssemblyScript: EsbuildPlugin = {
  name: "assemblyscript",
  setup(build) {
    build.onResolve({ filter: marked }, ({ path, importer }) => ({
      path: resolve(dirname(importer), path),
      namespace: "assemblyscript",
    }));
    build.onLoad({ filter: marked, namespace: "assemblyscript" }, async ({ path }) => ({
      contents: await compile(path),
      loader: "binary",
    }));
  },
};

export const viteAssemblyScript: VitePlugin = {
  name: "assemblyscript",
  async load(id) {
    return marked.test(id) ? `export default Uint8Array.of(${await compile(id)})` : undefined;
  },
};
