/** Lists of paths: a text file with one a line, and standard input. */
import { isUtf8 } from "node:buffer";
import { readSync } from "node:fs";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { isatty } from "node:tty";
import { PptError } from "@ppt-vit/core";
import { decodeText, readChunks } from "../../documents/read.js";
import { codeOf } from "../../files/errors.js";
import { inputOf } from "../../files/picture-files.js";
import type { Item } from "./item.js";
import type { InputKind, ListingOptions } from "./kind.js";

/** The largest list, in bytes: some ten million pictures. */
export const mostListBytes = 2 ** 30;

/** A path as it is opened: relative ones are meant from the folder `base`. */
export const from = (base: string, name: string): string =>
  isAbsolute(name) || name.startsWith("file:") || base === "." ? name : join(base, name);

function* itemsOf(bytes: Uint8Array, where: string, base: string, { nul }: ListingOptions): Generator<Item> {
  // Cut before decoding: a text has at most half a billion characters.
  const end = nul ? 0 : 10;
  for (let start = 0, number = 1; start < bytes.length; number++) {
    const found = bytes.indexOf(end, start);
    const stop = found < 0 ? bytes.length : found;
    const entry = bytes.subarray(start, stop);
    start = stop + 1;
    if (nul && !isUtf8(entry)) {
      // As `find -print0` writes a name that is not valid UTF-8.
      const address = String(
        inputOf(isRooted(entry) ? Buffer.from(entry) : Buffer.concat([Buffer.from(`${resolve(base)}/`), entry])),
      );
      yield { name: address, file: address };
      continue;
    }
    const text = decodeText(entry, `${where}: entry ${number}`).replace(nul ? /^$/ : /\r$/, "");
    if (text.includes("\0"))
      throw new PptError("INVALID_INPUT", `${where}: entry ${number} holds a NUL: pass --null if names end with it`);
    if (text !== "") yield { name: text, file: from(base, text) };
  }
}

const isRooted = (path: Uint8Array): boolean => path[0] === 0x2f;

export const list: InputKind = {
  name: "list",
  description: "a text file of paths, one a line (.txt, .lst)",
  root: dirname,
  takes: (argument) => /\.(txt|lst)$/i.test(argument),
  items: (argument, options) =>
    itemsOf(Buffer.concat([...readChunks(argument, mostListBytes)]), argument, dirname(argument), options),
};

export const standardInput: InputKind = {
  name: "standard input",
  description: "- for paths on standard input",
  root: () => ".",
  takes: (argument) => argument === "-",
  items(_argument, options) {
    if (isatty(0)) throw new PptError("INVALID_INPUT", "standard input: a terminal; pipe a list of paths into it");
    return itemsOf(readStandardInput(), "standard input", ".", options);
  },
};

function readStandardInput(): Uint8Array {
  const chunks: Buffer[] = [];
  for (let total = 0; ; ) {
    const chunk = Buffer.allocUnsafe(2 ** 16);
    let read: number;
    try {
      read = readSync(0, chunk);
    } catch (cause) {
      // A pipe that does not block has nothing yet. Windows reports the end of a pipe as an error.
      if (codeOf(cause) === "EOF") break;
      if (codeOf(cause) !== "EAGAIN")
        throw new PptError("NOT_FOUND", `standard input: cannot be read (${codeOf(cause)})`, { cause });
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
      continue;
    }
    if (read === 0) break;
    chunks.push(chunk.subarray(0, read));
    total += read;
    if (total > mostListBytes) throw new PptError("INVALID_INPUT", `standard input: more than ${mostListBytes} bytes`);
  }
  return Buffer.concat(chunks);
}
