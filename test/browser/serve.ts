/** A local server for the browser tests: bundles of `test/browser/`, and folders of files. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { type Browser, chromium, type Page } from "playwright-core";
import { findBrowser } from "../../scripts/browser.mjs";
import { contentTypeOf } from "../../scripts/content-types.mjs";
import { root } from "../../scripts/workspace.mjs";
import { strictHeaders } from "./policy.js";

export const browserPath = findBrowser();

/** Chromium with WebGPU on SwiftShader, which needs no GPU, and with a camera that shows a test picture. */
export const launchBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: browserPath!,
    args: [
      "--no-sandbox",
      "--enable-unsafe-webgpu",
      "--use-webgpu-adapter=swiftshader",
      "--use-fake-device-for-media-stream",
      "--enable-features=Vulkan",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run",
    ],
  });

/** Bundles from dist, as an application's bundler would. */
async function bundle(entry: string): Promise<string> {
  const dist = (name: string) => join(root, "packages", name, "dist/index.js");
  const names = ["core", "backend-cpu", "backend-onnx", "backend-tfjs", "backend-wasm", "conformance"];
  for (const name of names)
    if (!existsSync(dist(name))) throw new Error(`${name}/dist is missing: run pnpm build first`);
  const { outputFiles } = await build({
    entryPoints: [resolve(root, "test/browser", entry)],
    bundle: true,
    format: "esm",
    platform: "browser",
    write: false,
    external: ["onnxruntime-node", "onnxruntime-web"],
    alias: {
      ...Object.fromEntries(
        ["backend", "loading", "on-demand", "options", "policy", "testing"].map((door) => [
          `@ppt-vit/core/${door}`,
          join(root, `packages/core/dist/${door}.js`),
        ]),
      ),
      ...Object.fromEntries(
        ["eager", "maps"].map((door) => [
          `@ppt-vit/backend-cpu/${door}`,
          join(root, `packages/backend-cpu/dist/${door}.js`),
        ]),
      ),
      ...Object.fromEntries(names.map((name) => [`@ppt-vit/${name}`, dist(name)])),
    },
  });
  return outputFiles[0]!.text;
}

export interface ServeOptions {
  /** Address of each script, and the file it is bundled from, relative to `test/browser/`. The first is the page's own. */
  readonly scripts: Readonly<Record<string, string>>;
  /** First part of an address, and the folder it stands for. */
  readonly folders: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, Uint8Array>>;
}

/** Serves everything with the headers of policy.ts. */
export async function serve({ scripts, folders, files = {} }: ServeOptions): Promise<{ server: Server; url: string }> {
  const [first] = Object.keys(scripts);
  const page = `<!doctype html><link rel="icon" href="data:,"><script type="module" src="${first}"></script>`;
  const fixed = new Map<string, string | Uint8Array>([["/", page], ...Object.entries(files)]);
  for (const [path, entry] of Object.entries(scripts)) fixed.set(path, await bundle(entry));

  const server = createServer(async (request, response) => {
    const path = request.url ?? "/";
    const [, folder = "", file = ""] = /^\/([a-z]+)\/(\w[\w.-]*(?:\/\w[\w.-]*)*)$/.exec(path) ?? [];
    const body =
      fixed.get(path) ?? (folders[folder] && (await readFile(join(folders[folder], file)).catch(() => undefined)));
    for (const [name, value] of Object.entries(strictHeaders)) response.setHeader(name, value);
    response.setHeader("content-type", contentTypeOf(path === "/" ? "/index.html" : path));
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (typeof address !== "object" || !address) throw new Error("the server has no port");
  return { server, url: `http://127.0.0.1:${address.port}/` };
}

/** Loads `url` again, with another content security policy for the page. */
export async function underPolicy(page: Page, url: string, policy: string): Promise<void> {
  await page.route(url, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, headers: { ...response.headers(), "content-security-policy": policy } });
  });
  await page.goto(url);
  await page.waitForLoadState();
}
