/** Names of files that are not valid UTF-8: JavaScript's strings cannot hold them, percent-escapes of a URL can. Node only. */

import { PptError } from "@ppt-vit/core";
import { quoted } from "../text/quoted.js";

/**
 * What `node:fs` takes for a path or a URL: Node's own reading of a `file:` URL refuses escapes that are not UTF-8, where
 * the bytes that they stand for are the path.
 * @throws PptError INVALID_INPUT for the address of a server
 */
export function pathOf(input: string | URL): string | URL | Buffer {
  if (/^(https?|data|blob):/i.test(String(input)))
    throw new PptError(
      "INVALID_INPUT",
      `${quoted(String(input).slice(0, 80))}: addresses are not fetched in Node: pass the bytes, new Uint8Array(await (await fetch(url)).arrayBuffer())`,
    );
  if (!(input instanceof URL) || input.protocol !== "file:") return input;
  try {
    decodeURIComponent(input.pathname);
    return input;
  } catch {
    // Node refuses an escaped slash, and says so.
    if (/%2f/i.test(input.pathname)) return input;
    const bytes = input.pathname.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
      String.fromCharCode(parseInt(hex, 16)),
    );
    return Buffer.from(bytes, "latin1");
  }
}
