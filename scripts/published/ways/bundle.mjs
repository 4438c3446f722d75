/** Blocks for a page that are only built: esbuild resolves all that they import. */
import { join } from "node:path";
import { build } from "esbuild";
import { codeOf } from "../prologues.mjs";

export async function bundle(block, { cwd, earlier }) {
  const code = codeOf(block, earlier);
  const scripts = block.language === "html" ? scriptsOf(code) : [code];
  if (scripts.length === 0) throw new Error("there is no <script type=module> in it");
  for (const contents of scripts)
    await build({
      stdin: { contents, resolveDir: cwd, loader: block.language === "html" ? "js" : "tsx" },
      outdir: join(cwd, "bundle"),
      bundle: true,
      format: "esm",
      splitting: true,
      write: false,
      logLevel: "silent",
      jsx: "automatic",
      // Frameworks are the application's own. A module from another server is loaded by the page.
      external: ["react", "react/*", "react-dom", "next", "next/*", "http://*", "https://*"],
    });
}

const scriptsOf = (html) =>
  [...html.matchAll(/<script[^>]*type="?module"?[^>]*>([\s\S]*?)<\/script>/g)].map(([, script]) => script);
