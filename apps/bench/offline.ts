/** The build's service worker: the page without a network, and the headers on hosts that send none. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Plugin } from "vite";
import { headers } from "./headers.js";

/** Parts of runtimes that are larger than this are kept only when a visitor uses them. */
const mostBytes = 300_000;

/** What the first screen needs: the page and its scripts, the demo model and the pictures. */
const isNeeded = (name: string, bytes: number): boolean =>
  /^(samples|photographs|demo)\//.test(name) || (name.startsWith("assets/") && bytes < mostBytes);

export function offline(): Plugin {
  let isBuild = false;
  return {
    name: "offline",
    config(_, { command }) {
      isBuild = command === "build";
      return { define: { __OFFLINE__: JSON.stringify(isBuild) } };
    },
    generateBundle: {
      order: "post",
      handler(_, bundle) {
        const digest = createHash("sha256");
        const files: string[] = [];
        for (const [name, output] of Object.entries(bundle).sort(([a], [b]) => (a < b ? -1 : 1))) {
          const content = output.type === "chunk" ? output.code : output.source;
          digest.update(name).update(content);
          if (isNeeded(name, Buffer.byteLength(content))) files.push(`./${name}`);
        }
        const source = readFileSync(new URL("service-worker.js", import.meta.url), "utf8")
          .replace("HEADERS", JSON.stringify(headers))
          .replace("FILES", JSON.stringify(["./", ...files]))
          .replace("VERSION", JSON.stringify(digest.digest("hex").slice(0, 12)));
        this.emitFile({ type: "asset", fileName: "service-worker.js", source });
      },
    },
  };
}
