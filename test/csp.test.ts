/** Tests the packed packages under a content security policy: bundled, served with it as a header, and searched for eval. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { build } from "esbuild";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packAll, publishedPackages } from "../scripts/packages.mjs";
import { root, run } from "../scripts/workspace.mjs";
import { type Host, host } from "./browser/bench-serve.js";
import { strictHeaders, strictPolicy } from "./browser/policy.js";
import { browserPath, launchBrowser } from "./browser/serve.js";

const fixture = join(root, "test/fixtures/csp");
const ort = dirname(createRequire(join(root, "packages/backend-onnx/package.json")).resolve("onnxruntime-web"));
const home = mkdtempSync(join(tmpdir(), "ppt-vit-csp-"));

/** The packages that the page's own package.json lists. TensorFlow.js is not among them. */
const wanted = ["core", "backend-cpu", "backend-onnx", "pipeline"];

/** Unpacks the packages as for a user. */
beforeAll(async () => {
  for (const { dir, folder } of publishedPackages())
    if (!existsSync(join(dir, "dist"))) throw new Error(`${folder}/dist is missing: run pnpm build first`);
  const tarballs = join(home, "tarballs");
  mkdirSync(tarballs);
  const packed = await packAll(tarballs);
  for (const { name, tarball } of packed.filter(({ name }) => wanted.some((one) => name === `@ppt-vit/${one}`))) {
    const folder = join(home, "node_modules", name);
    mkdirSync(folder, { recursive: true });
    const { code, output } = await run("tar", ["-xzf", tarball, "--strip-components=1", "-C", folder], { cwd: home });
    if (code !== 0) throw new Error(output);
  }
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** Bundles scripts, by name, as an application would: with everything in them except `external`. */
async function bundle(sources: Readonly<Record<string, string>>, external: readonly string[]): Promise<string[]> {
  const entryPoints = Object.entries(sources).map(([name, source]) => {
    const file = join(home, `${name}.mjs`);
    writeFileSync(file, source);
    return file;
  });
  const { outputFiles } = await build({
    entryPoints,
    outdir: join(home, "out"),
    bundle: true,
    format: "esm",
    platform: "browser",
    write: false,
    // The dependencies of the packages are installed there.
    nodePaths: [join(root, "packages/backend-onnx/node_modules")],
    external: [...external],
    tsconfigRaw: {},
    logLevel: "silent",
  });
  return outputFiles.map(({ text }) => text);
}

describe.skipIf(!browserPath)("a page that allows 'wasm-unsafe-eval' and no more", () => {
  let served: Host;
  let browser: Browser;

  beforeAll(async () => {
    const source = (name: string) => readFileSync(join(fixture, `${name}.js`), "utf8");
    const [page, worker] = await bundle({ page: source("page"), worker: source("worker") }, ["@ppt-vit/backend-tfjs"]);
    served = await host(
      { "": ort, model: join(fixture, "model") },
      {
        "/index.html": readFileSync(join(fixture, "index.html"), "utf8"),
        "/photo.png": readFileSync(new URL("../packages/pipeline/fixtures/pictures/photo.png", import.meta.url)),
        "/page.js": page!,
        "/worker.js": worker!,
      },
    );
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    served?.server.close();
  });

  /** The title that the page sets at the end. */
  async function titleUnder(policy: string): Promise<{ title: string; refused: string[] }> {
    const page = await browser.newPage();
    try {
      const refused: string[] = [];
      page.on("console", ({ type, text }) => void (type() === "error" && refused.push(text())));
      await page.route("**/*.js", async (route) => {
        const response = await route.fetch();
        await route.fulfill({ response, headers: { ...response.headers(), "content-security-policy": policy } });
      });
      await page.goto(served.url);
      await page.waitForFunction(() => document.title !== "waiting");
      return { title: await page.title(), refused };
    } finally {
      await page.close();
    }
  }

  test("classifies in a worker on ONNX Runtime, and nothing is refused", async () => {
    expect(strictHeaders["Content-Security-Policy"]).toContain("script-src 'self' 'wasm-unsafe-eval';");
    expect(await titleUnder(strictPolicy)).toEqual({ title: "ok LABEL_2", refused: [] });
  });

  test("without it the error says what to allow", async () => {
    const { title } = await titleUnder(strictPolicy.replace(" 'wasm-unsafe-eval'", ""));
    expect(title).toMatch(/^failed BACKEND_UNAVAILABLE: .* allow 'wasm-unsafe-eval' in script-src$/);
  });
});

/** Code made from text, in any spelling that a minifier gives it. */
const fromText =
  /\bnew Function\b|(?<![\w$.-])Function\s*\(|(?<![\w$.-])eval\s*\(|\(0,\s*eval\)|set(?:Timeout|Interval)\(\s*["'`]/;

const scripts = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => /\.m?js$/.test(file))
    .map((file) => join(folder, file));

describe("no code is made from text", () => {
  test("the search finds what it looks for", () => {
    for (const code of ["new Function('a')", "x=Function(s)()", "eval (x)", "(0,eval)(x)", 'setTimeout("x()", 1)'])
      expect(code).toMatch(fromText);
    for (const code of ["'wasm-unsafe-eval'", "isFunction(x)", "a.eval(x)", "setTimeout(run, 1)", "medieval(x)"])
      expect(code).not.toMatch(fromText);
  });

  test.each(publishedPackages().map(({ manifest }) => manifest.name))("in what %s publishes", (name) => {
    const { dir } = publishedPackages().find(({ manifest }) => manifest.name === name)!;
    const files = scripts(join(dir, "dist"));
    expect(files.filter((file) => fromText.test(readFileSync(file, "utf8")))).toEqual([]);
  });

  test("in what a browser's bundle has of them and of their dependencies", async () => {
    const sources = Object.fromEntries(
      wanted.map((name) => [name, `import * as all from "@ppt-vit/${name}"; globalThis.all = all;`]),
    );
    // Runtimes are left out, because the tests above run them under the policy.
    const outputs = await bundle(sources, ["onnxruntime-web", "@ppt-vit/backend-tfjs"]);
    expect(outputs).toHaveLength(wanted.length);
    for (const text of outputs) expect(fromText.exec(text)?.[0]).toBeUndefined();
  });

  test("in the built app, but for two places of its runtimes that it does not reach", () => {
    const found = scripts(join(root, "apps/bench/dist")).flatMap((file) => {
      const text = readFileSync(file, "utf8");
      return [...text.matchAll(new RegExp(fromText, "g"))].map(({ index }) => text.slice(index - 60, index + 60));
    });
    const known = [
      // ONNX Runtime's WebNN, which no backend uses.
      /methodName, destructorsRef, args/,
      // TensorFlow.js's threads in Node, which browsers do not run.
      /importScripts:function\(f\)\{\(0,eval\)/,
    ];
    expect(found.filter((text) => !known.some((place) => place.test(text)))).toEqual([]);
  });
});
