/**
 * Plugins for esbuild and Vite that compile AssemblyScript: `import binary from "./x.ts?simd"` gives a Uint8Array.
 * What stands behind the question mark is the set of instructions: `simd`, or `relaxed` for relaxed SIMD too.
 * `./x.ts?simd&tag` gives the tag of that binary, a text.
 */
import { createHash } from "node:crypto";
import { dirname, relative, resolve } from "node:path";
import type { Plugin as EsbuildPlugin } from "esbuild";
import type { Plugin as VitePlugin } from "vitest/config";

const marked = /\.ts\?(simd|relaxed)(&tag)?$/;

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

/**
 * The module that stands for an import. The binary is hexadecimal text: a server's gzip finds no repetitions in base64, where they
 * begin at any of four places. So hexadecimal text is a quarter smaller after it.
 */
async function moduleOf(id: string): Promise<string> {
  const marker = id.replace("&tag", "");
  const binary = Buffer.from(await compile(marker));
  if (marker !== id) return `export default ${JSON.stringify(binary.subarray(-tagBytes).toString())};`;
  const decoded = `Uint8Array.from("${binary.toString("hex")}".match(/../g), (byte) => parseInt(byte, 16))`;
  return `export default /* @__PURE__ */ ${decoded};`;
}

export const esbuildAssemblyScript: EsbuildPlugin = {
  name: "assemblyscript",
  setup(build) {
    // Below the current folder, the package's: source maps show the path, which must mean the same on every machine.
    build.onResolve({ filter: marked }, ({ path, importer }) => ({
      path: relative("", resolve(dirname(importer), path)),
      namespace: "assemblyscript",
    }));
    build.onLoad({ filter: marked, namespace: "assemblyscript" }, async ({ path }) => ({
      contents: await moduleOf(resolve(path)),
    }));
  },
};

export const viteAssemblyScript: VitePlugin = {
  name: "assemblyscript",
  async load(id) {
    return marked.test(id) ? moduleOf(id) : undefined;
  },
};
