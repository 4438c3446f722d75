/** A static host of folders, for the tests of the pipeline and of the benchmark app. */
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { join, normalize } from "node:path";
import { build } from "esbuild";
import { contentTypeOf } from "../../scripts/content-types.mjs";
import { root } from "../../scripts/workspace.mjs";
import { strictHeaders } from "./policy.js";

export interface Host {
  readonly server: Server;
  readonly url: string;
  /** Requested addresses that had no file. */
  readonly missing: readonly string[];
  /** What was sent so far, in order. */
  readonly sent: readonly { readonly path: string; readonly bytes: number }[];
}

type Headers = Readonly<Record<string, string>>;

/**
 * Serves `folders` by the first part of the address ("" for all others), and `files` by their whole address. Every answer has
 * the `headers`.
 */
export async function host(
  folders: Readonly<Record<string, string>>,
  files: Readonly<Record<string, string | Uint8Array>> = {},
  headers: Headers | ((path: string) => Headers) = strictHeaders,
): Promise<Host> {
  const headersOf = typeof headers === "function" ? headers : () => headers;
  const missing: string[] = [];
  const sent: { path: string; bytes: number }[] = [];
  const read = (path: string): Promise<Uint8Array | string | undefined> | string | Uint8Array => {
    if (files[path] !== undefined) return files[path];
    const [, first = "", rest = ""] = /^\/([^/]*)\/?(.*)$/.exec(path) ?? [];
    const file = folders[first] ? join(folders[first], rest) : folders[""] && join(folders[""], normalize(path));
    return file ? readFile(file).catch(() => undefined) : Promise.resolve(undefined);
  };
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const path = pathname.replace(/\/$/, "/index.html");
    const body = await read(path);
    if (body === undefined) missing.push(path);
    else sent.push({ path, bytes: Buffer.byteLength(body) });
    for (const [name, value] of Object.entries(headersOf(path))) response.setHeader(name, value);
    response.setHeader("content-type", contentTypeOf(path));
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (typeof address !== "object" || !address) throw new Error("the server has no port");
  return { server, url: `http://127.0.0.1:${address.port}/`, missing, sent };
}

/** Bundles a script of `test/browser/`. Packages resolve by their `exports`, as from the bench app. */
export async function bundle(entry: string): Promise<{ script: string; inputs: string[] }> {
  const { outputFiles, metafile } = await build({
    stdin: {
      contents: await readFile(join(root, "test/browser", entry), "utf8"),
      loader: "ts",
      resolveDir: join(root, "apps/bench"),
    },
    bundle: true,
    format: "esm",
    platform: "browser",
    write: false,
    metafile: true,
    // Ignores the paths of this repository's tsconfig, which lead to sources.
    tsconfigRaw: {},
    external: ["onnxruntime-*", "@tensorflow/*", ...["onnx", "tfjs", "wasm"].map((name) => `@ppt-vit/backend-${name}`)],
  });
  return { script: outputFiles[0]!.text, inputs: Object.keys(metafile.inputs) };
}

/** The headers of a `_headers` file, by the pattern of the addresses that it sets them for. */
export function parseHeadersFile(text: string): Record<string, Record<string, string>> {
  const blocks = [...text.matchAll(/^(\/\S*)\n((?: {2}.*\n)+)/gm)];
  const linesOf = (block: string) => [...block.matchAll(/^ {2}([\w-]+): (.*)$/gm)];
  return Object.fromEntries(
    blocks.map(([, path, block]) => [
      path!,
      Object.fromEntries(linesOf(block!).map(([, name, value]) => [name!, value!])),
    ]),
  );
}

/** What a host sends that follows a `_headers` file. */
export const followHeadersFile = (text: string) => (path: string) =>
  Object.fromEntries(
    Object.entries(parseHeadersFile(text)).flatMap(([pattern, headers]) =>
      path.startsWith(pattern.replace(/\*$/, "")) ? Object.entries(headers) : [],
    ),
  );
