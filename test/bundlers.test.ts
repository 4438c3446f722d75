/**
 * Builds the applications of `examples/` with the bundlers installed here, from the packed packages and without
 * TensorFlow.js. `scripts/check-examples.mjs` installs and runs all of them. Also tests failures in other bundles.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch, type Pages, problemsOf, serve } from "../scripts/examples.mjs";
import { packAll, publishedPackages } from "../scripts/packages.mjs";
import { readJson, root, run } from "../scripts/workspace.mjs";
import { browserPath } from "./browser/serve.js";

const home = mkdtempSync(join(tmpdir(), "ppt-vit-bundlers-"));
const ofBackend = createRequire(join(root, "packages/backend-onnx/package.json"));
const { dependencies } = ofBackend("./package.json") as { dependencies: Record<string, string> };

/** What every application installs. TensorFlow.js is left out, because it is optional. */
const wanted = ["core", "backend-cpu", "backend-onnx", "backend-wasm", "pipeline"].map((name) => `@ppt-vit/${name}`);
/** What the pages must answer. */
const { pages } = (
  readJson(join(root, "examples/vite/package.json")) as { example: { builds: { build: { pages: Pages } } } }
).example.builds.build;

/** The packages as npm lays them out. Their dependencies are links to those of this repository. */
beforeAll(async () => {
  for (const { dir, folder } of publishedPackages())
    if (!existsSync(join(dir, "dist"))) throw new Error(`${folder}/dist is missing: run pnpm build first`);
  const tarballs = join(home, "tarballs");
  mkdirSync(tarballs);
  for (const { name, tarball } of await packAll(tarballs)) {
    if (!wanted.includes(name)) continue;
    const folder = join(home, "node_modules", name);
    mkdirSync(folder, { recursive: true });
    const { code, output } = await run("tar", ["-xzf", tarball, "--strip-components=1", "-C", folder], { cwd: home });
    if (code !== 0) throw new Error(output);
  }
  const theirs = Object.keys(dependencies).filter((name) => !name.startsWith("@ppt-vit/"));
  for (const name of [...theirs, "onnxruntime-web"]) {
    const place = join(home, "node_modules", name);
    mkdirSync(dirname(place), { recursive: true });
    symlinkSync(join(root, "packages/backend-onnx/node_modules", name), place);
  }
  for (const name of ["esbuild", "vite"]) cpSync(join(root, "examples", name), join(home, name), { recursive: true });
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

interface Vite {
  build(options: object): Promise<unknown>;
  createLogger(level: "warn", options?: object): Record<"warn" | "warnOnce" | "error", (message: string) => void>;
}

/** Builds with Vite's defaults, and returns its warnings. */
async function viteBuild(folder: string, options: object = {}): Promise<string[]> {
  const fromApp = createRequire(join(root, "apps/bench/package.json"));
  const vite = (await import(pathToFileURL(fromApp.resolve("vite")).href)) as Vite;
  const warnings: string[] = [];
  const warn = (message: string) => void warnings.push(message);
  const customLogger = { ...vite.createLogger("warn"), warn, warnOnce: warn, error: warn };
  await vite.build({
    root: folder,
    configFile: false,
    customLogger,
    build: { reportCompressedSize: false },
    ...options,
  });
  return warnings;
}

async function esbuildBuild(folder: string, entries: readonly string[]): Promise<string[]> {
  const { warnings } = await build({
    absWorkingDir: folder,
    entryPoints: [...entries],
    bundle: true,
    splitting: true,
    format: "esm",
    outdir: "dist",
    tsconfigRaw: {},
    logLevel: "silent",
  });
  cpSync(join(dirname(ofBackend.resolve("onnxruntime-web")), wasmFile), join(folder, "dist", wasmFile));
  const thread = "ppt-vit-wasm-thread.js";
  cpSync(join(home, "node_modules/@ppt-vit/backend-wasm/dist", thread), join(folder, "dist", thread));
  return warnings.map(({ text }) => text);
}
const wasmFile = "ort-wasm-simd-threaded.wasm";

/** The result of `what` on the address where `folder` is served. */
const onPage = async <T>(folder: string, what: (url: string) => Promise<T>): Promise<T> => {
  const { url, close } = await serve(folder);
  return what(url).finally(close);
};

// scripts/check.mjs reports when these tests are skipped. In CI a missing browser is a failure there.
describe.skipIf(!browserPath)("an application without TensorFlow.js", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(() => browser?.close());

  test("is built by esbuild and runs", async () => {
    const folder = join(home, "esbuild");
    expect(await esbuildBuild(folder, ["src/main.js", "src/worker.js"])).toEqual([]);
    expect(await onPage(folder, (url) => problemsOf(browser, url, pages))).toEqual([]);
  });

  test.each([
    ["its defaults", {}],
    ["workers as modules", { worker: { format: "es" } }],
  ])("is built by Vite with %s and runs", async (_, options) => {
    const folder = join(home, "vite");
    expect(await viteBuild(folder, options)).toEqual([]);
    expect(await onPage(join(folder, "dist"), (url) => problemsOf(browser, url, pages))).toEqual([]);
  });

  test("is built by Vite with relative addresses and runs in the page itself, on two threads", async () => {
    // The page itself runs the model, without a worker.
    const inPage = Object.fromEntries(Object.entries(pages).map(([path, { workers: _, ...page }]) => [path, page]));
    const folder = join(home, "vite-page");
    mkdirSync(join(folder, "src"), { recursive: true });
    cpSync(join(root, "examples/vite/index.html"), join(folder, "index.html"));
    writeFileSync(
      join(folder, "src/main.js"),
      `import { createOnnxBackend } from "@ppt-vit/backend-onnx";
       import { createWasmBackend } from "@ppt-vit/backend-wasm";
       import { fromPretrained } from "@ppt-vit/pipeline/browser";
       const name = new URLSearchParams(location.search).get("backend");
       try {
         const open = {
           "onnx-wasm": () => createOnnxBackend({ device: "wasm", threads: 2 }),
           wasm: () => createWasmBackend({ threads: 2 }),
         };
         const backend = await (open[name]?.() ?? name);
         const classifier = await fromPretrained("/model/", { backend });
         if (name === "wasm" && !backend.runtime.endsWith(", 2 threads")) throw new Error(backend.runtime);
         document.title = "ok " + (await classifier.classify("/photo.png")).labels[0].label;
       } catch (error) {
         document.title = "failed " + error.code + ": " + error.message;
       }`,
    );
    expect(await viteBuild(folder, { base: "./" })).toEqual([]);
    expect(await onPage(join(folder, "dist"), (url) => problemsOf(browser, url, inPage))).toEqual([]);
  });
});

test("every script for builds by Vite is named in the text that Vite looks for", () => {
  const withScripts = publishedPackages().filter(({ dir }) => existsSync(join(dir, "dist/vite")));
  expect(withScripts.map(({ folder }) => folder)).toEqual(
    ["backend-onnx", "backend-tfjs", "backend-wasm", "pipeline"].map((name) => `packages/${name}`),
  );
  for (const { dir, folder } of withScripts) {
    const dist = join(dir, "dist");
    const files = readdirSync(dist).filter((name) => name.endsWith(".js"));
    const code = files.map((name) => readFileSync(join(dist, name), "utf8")).join("\n");
    const scripts = readdirSync(join(dist, "vite")).filter((name) => name.endsWith(".js"));
    const named = [...code.matchAll(/\bnew SharedWorker\(new URL\(\s*"\.\/vite\/([^"]*)",\s*import\.meta\.url\s*\)/g)];
    expect(named.map(([, name]) => name).sort(), folder).toEqual(scripts.sort());
  }
});

/** The scripts that a bundle loads at once, and those that it loads for `wanted` files: kB as gzip sends them. */
async function downloadOf(contents: string, wanted: RegExp): Promise<number> {
  const folder = mkdtempSync(join(home, "size-"));
  const { metafile, outputFiles } = await build({
    stdin: { contents, resolveDir: home },
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    outdir: join(folder, "dist"),
    absWorkingDir: folder,
    metafile: true,
    write: false,
    tsconfigRaw: {},
  });
  const { outputs } = metafile;
  const loaded = new Set<string>();
  const load = (name: string) => {
    if (loaded.has(name)) return;
    loaded.add(name);
    for (const { path, kind } of outputs[name]!.imports) if (kind === "import-statement") load(path);
  };
  for (const [name, { entryPoint = "" }] of Object.entries(outputs))
    if (entryPoint === "<stdin>" || wanted.test(entryPoint)) load(name);
  const bytes = outputFiles
    .filter(({ path }) => loaded.has(relative(folder, path)))
    .map(({ contents }) => gzipSync(contents, { level: 9 }).length);
  return bytes.reduce((sum, length) => sum + length, 0) / 1000;
}

test("engine, core and pipeline are as small as they have been, kernels included", async () => {
  const page = `import { createWasmBackend } from "@ppt-vit/backend-wasm";
    import { fromPretrained } from "@ppt-vit/pipeline/slim";
    const classifier = await fromPretrained("/model/", { backend: createWasmBackend() });
    document.title = (await classifier.classify("/photo.png")).labels[0].label;`;
  // Of what is loaded on demand, a first label needs the kernels of one set of instructions.
  expect(await downloadOf(page, /\/relaxed-simd-\w+\.js$/)).toBeLessThan(86);
});

describe("a peer that cannot be loaded", () => {
  const consumer = join(home, "consumer");
  /** What `createBackend("tfjs-cpu")` answers if `source` is the code of the package. */
  async function answerTo(source: string): Promise<string> {
    const folder = mkdtempSync(join(home, "peer-"));
    mkdirSync(consumer, { recursive: true });
    const peer = join(folder, "peer.mjs");
    writeFileSync(peer, source);
    const { outputFiles } = await build({
      stdin: {
        contents: `import { createBackend } from "@ppt-vit/pipeline/browser";
          createBackend("tfjs-cpu").catch((error) => console.log([error.name, error.code, error.message].join("|")));`,
        resolveDir: consumer,
      },
      bundle: true,
      format: "esm",
      write: false,
      alias: { "@ppt-vit/backend-tfjs": peer },
      tsconfigRaw: {},
    });
    const script = join(folder, "main.mjs");
    writeFileSync(script, outputFiles[0]!.text);
    return (await run("node", [script], { cwd: folder })).stdout.trim();
  }
  const notInstalled =
    "PptError|BACKEND_UNAVAILABLE|backend 'tfjs-cpu' is not installed: npm install @ppt-vit/backend-tfjs @tensorflow/tfjs-core @tensorflow/tfjs-backend-cpu";

  test.each([
    // The code that each bundler puts in place of the package. The last is an empty module.
    [
      "webpack",
      `throw Object.assign(new Error("Cannot find module '@ppt-vit/backend-tfjs'"), { code: "MODULE_NOT_FOUND" })`,
    ],
    ["Vite", 'throw new Error(`Could not resolve "@ppt-vit/backend-tfjs" imported by "@ppt-vit/pipeline".`)'],
    ["Node", `throw new Error("Cannot find package '@ppt-vit/backend-tfjs' imported from /app/main.js")`],
    ["Chromium", `throw new TypeError("Failed to resolve module specifier '@ppt-vit/backend-tfjs'")`],
    [
      "Firefox",
      'throw new TypeError("The specifier “@ppt-vit/backend-tfjs” was a bare specifier, but was not remapped")',
    ],
    ["Safari", `throw new TypeError("Module name, '@ppt-vit/backend-tfjs' does not resolve to a valid URL.")`],
    ["a stub", "export {}"],
  ])("is not installed, as %s has it", async (_, source) => {
    expect(await answerTo(source)).toBe(notInstalled);
  });

  test.each([
    ["of its own", `throw new TypeError("x is not a function")`, "TypeError||x is not a function"],
    [
      "of a package that it needs",
      `throw new Error("Cannot find package 'other' imported from /node_modules/@ppt-vit/backend-tfjs/dist/index.js")`,
      "Error||Cannot find package 'other' imported from /node_modules/@ppt-vit/backend-tfjs/dist/index.js",
    ],
    [
      "of a server",
      `throw new TypeError("Failed to fetch dynamically imported module: https://host/@ppt-vit/backend-tfjs.js")`,
      "TypeError||Failed to fetch dynamically imported module: https://host/@ppt-vit/backend-tfjs.js",
    ],
  ])("keeps an error %s", async (_, source, said) => {
    expect(await answerTo(source)).toBe(said);
  });
});
