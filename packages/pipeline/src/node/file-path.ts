/** Paths whose bytes are not valid UTF-8. JavaScript's strings cannot hold them; percent-escapes of a URL can. */

import { PptError } from "@ppt-vit/core";
import { quoted } from "../text/quoted.js";

/**
 * The path in a form that `node:fs` accepts. Node refuses `file:` URLs whose escapes are not UTF-8, so their bytes are
 * decoded here.
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
    // Node refuses an escaped slash with an error of its own.
    if (/%2f/i.test(input.pathname)) return input;
    const bytes = input.pathname.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
      String.fromCharCode(parseInt(hex, 16)),
    );
    return Buffer.from(bytes, "latin1");
  }
}
