/** Tests what users get: the packed tarballs, installed by npm outside this repository, imported, type-checked and run. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packAll, publishedPackages } from "../scripts/packages.mjs";
import { run } from "../scripts/workspace.mjs";
import {
  type Consumer,
  consumers,
  errorsByApi,
  errorsByProcess,
  installedVersions,
  type Resolution,
  unnamedTypes,
  writeConsumers,
} from "./packed-types.js";

const home = mkdtempSync(join(tmpdir(), "ppt-vit-packed-"));
const installed = join(home, "node_modules", "@ppt-vit");
/** What can be imported: every entry of every package that has declarations. */
const entries = publishedPackages().flatMap(({ manifest }) =>
  Object.entries(manifest.exports ?? {})
    .filter(([, entry]) => typeof entry === "object" && entry.types)
    .map(([path]) => join(manifest.name, path).replaceAll("\\", "/")),
);
const cli = publishedPackages().find(({ manifest }) => manifest.bin)!.manifest;

beforeAll(async () => {
  for (const { dir, folder } of publishedPackages()) {
    if (!existsSync(join(dir, "dist"))) throw new Error(`${folder}/dist is missing: run pnpm build first`);
  }
  const tarballs = join(home, "tarballs");
  mkdirSync(tarballs);
  const packed = await packAll(tarballs);
  write("package.json", JSON.stringify({ name: "consumer", private: true, type: "module" }));
  await succeed("npm", [
    "install",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--prefer-offline",
    ...packed.map(({ tarball }) => tarball),
    ...Object.entries(installedVersions).map(([name, version]) => `${name}@${version}`),
  ]);
}, 300_000);

afterAll(() => rmSync(home, { recursive: true, force: true }));

test("every package is installed once", () => {
  const names = publishedPackages().map(({ manifest }) => manifest.name.replace("@ppt-vit/", ""));
  expect(readdirSync(installed).sort()).toEqual(names.sort());
  const nested = readdirSync(installed).filter((name) => existsSync(join(installed, name, "node_modules", "@ppt-vit")));
  expect(nested).toEqual([]);
});

test("an ES module imports the core and the CPU backend", async () => {
  write(
    "use.mjs",
    `import { createVisionModel, isPptError, parseModelConfig, parseReduction, parseSafetensors, PptError } from "@ppt-vit/core";
     import { createCpuBackend } from "@ppt-vit/backend-cpu";
     const functions = { createVisionModel, isPptError, parseModelConfig, parseReduction, parseSafetensors, PptError };
     const backend = createCpuBackend();
     let error;
     try { parseModelConfig({}); } catch (caught) { error = caught; }
     console.log(JSON.stringify({
       types: [...new Set(Object.values(functions).map((value) => typeof value))],
       backend: [backend.name, backend.specVersion],
       error: [isPptError(error), error instanceof PptError, typeof error?.code],
     }));
     await backend.dispose();`,
  );
  expect(JSON.parse((await succeed("node", ["use.mjs"])).stdout)).toEqual({
    types: ["function"],
    backend: ["cpu", 1],
    error: [true, true, "string"],
  });
});

describe("a TypeScript consumer type-checks", () => {
  beforeAll(() => writeConsumers(home, entries));

  // What each reader's projects use.
  const usual: Readonly<Record<Consumer, readonly Resolution[]>> = {
    nothing: ["bundler"],
    page: ["nodenext", "bundler"],
    worker: ["nodenext", "bundler"],
    node: ["node16", "nodenext", "bundler"],
    "node that reads a page's types": ["nodenext"],
  };
  for (const consumer of Object.keys(consumers) as Consumer[]) {
    for (const resolution of usual[consumer])
      test(`with libraries of ${consumer}, moduleResolution ${resolution}`, () => {
        expect(errorsByApi(home, "typescript", consumer, resolution)).toEqual([]);
      });
    test(`with typescript-5.4, libraries of ${consumer}`, () => {
      expect(errorsByApi(home, "typescript-5.4", consumer, "nodenext")).toEqual([]);
    });
  }

  for (const consumer of ["worker", "node"] as const)
    test(`with typescript-7, libraries of ${consumer}`, async () => {
      expect(await errorsByProcess(home, "typescript-7", consumer, "nodenext")).toEqual([]);
    });

  test("and can name every type that a declaration mentions", () => {
    // Steps of a computation of types, which callers do not write.
    const steps = ["Called", "Named", "OwnOptions", "OwnSettings", "PartUrl", "PortableOptions", "StageSettings"];
    const machinery = [...steps, "Registered", "TypeOf", "WithInput"];
    const unnamed = unnamedTypes(ts, home).filter((line) => !machinery.includes(line.split(" ")[0]!));
    expect(unnamed).toEqual([]);
  });
});

describe("a bundle for browsers", () => {
  const page = join(home, "page");
  beforeAll(() => {
    write("page/index.html", '<!doctype html><script type="module" src="./main.js"></script>');
    write(
      "page/main.js",
      `import { createClassifierWorker, selectBackend } from "@ppt-vit/pipeline";
       const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
       selectBackend().then(({ backend }) => createClassifierWorker(worker).fromPretrained("/model/", { backend }));`,
    );
    write("page/worker.js", 'import { serveClassifiers } from "@ppt-vit/pipeline"; serveClassifiers();');
  });

  test("by esbuild has nothing of Node and no native runtime in it", async () => {
    const { metafile } = await build({
      entryPoints: [join(page, "main.js"), join(page, "worker.js")],
      outdir: join(home, "bundle"),
      bundle: true,
      format: "esm",
      splitting: true,
      platform: "browser",
      metafile: true,
      // Optional peers that this consumer has not installed. An import of any other package or of Node is an error.
      external: ["onnxruntime-web", "@tensorflow/*"],
      logLevel: "silent",
    });
    const inputs = Object.keys(metafile.inputs);
    const entries = ["pipeline", "backend-onnx"].map((name) => `${name}/dist/browser.js`);
    for (const entry of entries) expect(inputs.filter((path) => path.endsWith(entry))).toHaveLength(1);
    expect(
      inputs.filter((path) => /sharp|onnxruntime-node|(pipeline|backend-onnx)\/dist\/index\.js/.test(path)),
    ).toEqual([]);
    const imported = Object.values(metafile.outputs).flatMap(({ imports }) =>
      imports.flatMap(({ path, external }) => (external ? [path] : [])),
    );
    expect(imported).not.toEqual([]);
    expect(imported.filter((path) => !/^(onnxruntime-web|@tensorflow\/tfjs-)/.test(path))).toEqual([]);
  });

  test("by Vite is made without a warning", async () => {
    const fromApp = createRequire(new URL("../apps/bench/package.json", import.meta.url));
    const vite = (await import(pathToFileURL(fromApp.resolve("vite")).href)) as {
      build(options: object): Promise<unknown>;
      createLogger(level: "warn", options: object): Record<"warn" | "warnOnce" | "error", (message: string) => void>;
    };
    const warnings: string[] = [];
    const warn = (message: string) => void warnings.push(message);
    const customLogger = { ...vite.createLogger("warn", {}), warn, warnOnce: warn, error: warn };
    await vite.build({ root: page, configFile: false, customLogger, worker: { format: "es" } });
    expect(warnings).toEqual([]);
    expect(readdirSync(join(page, "dist/assets")).some((name) => name.startsWith("worker"))).toBe(true);
  });
});

describe("the installed ppt-vit", () => {
  const command = join(home, "node_modules", ".bin", "ppt-vit");

  test("prints its version", async () => {
    expect((await succeed(command, ["--version"])).stdout.trim()).toBe(cli.version);
  });

  test("prints its help", async () => {
    expect((await succeed(command, ["--help"])).stdout).toMatch(/usage: ppt-vit[\s\S]*classify/i);
  });

  test("classifies a sample picture, stdout is one JSON document", async () => {
    // Samples are named NNN_label.png.
    const picture = join(installed, "demo-model", "samples", "000_dog.png");
    const args = ["classify", "--model", "demo", "--top", "1", "--json", picture];
    const document = JSON.parse((await succeed(command, args)).stdout);
    expect(document).toMatchObject({
      images: [{ file: picture, labels: [{ label: "dog" }], tokens: [197, 147, 97, 49] }],
      failures: [],
    });
  });

  test("measures, and says what to install for the contenders that are missing", { timeout: 120_000 }, async () => {
    const args = ["bench", "--models", "demo", "--batches", "1", "--policies", "ppt", "--seconds", "1", "--json"];
    const document = JSON.parse((await succeed(command, [...args, "--backends", "cpu,transformers.js"])).stdout);
    expect(document.results).toMatchObject([{ backend: "cpu", model: "demo", policy: "ppt" }]);
    expect(document.failures).toMatchObject([
      {
        backend: "transformers.js",
        code: "BACKEND_UNAVAILABLE",
        message: "transformers.js is not installed: npm install @huggingface/transformers",
      },
    ]);
    // The folder may lie in a repository, but not in this project's, so no commit is recorded.
    expect(document).not.toHaveProperty("commit");
  });
});

/** Writes a file of the consumer. */
function write(path: string, text: string): void {
  mkdirSync(join(home, path, ".."), { recursive: true });
  writeFileSync(join(home, path), text);
}

/** Runs a command as the consumer. If it fails, the test fails with its whole output. */
async function succeed(command: string, args: string[]): Promise<{ stdout: string }> {
  const { code, output, stdout } = await run(command, args, { cwd: home });
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with code ${code}:\n${output}`);
  return { stdout };
}
