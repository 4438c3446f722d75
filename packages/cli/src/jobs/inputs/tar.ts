/**
 * Tar archives, as WebDataset has them. Only the headers are read at first; each picture is read where it is in the file when its turn
 * comes.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { basename } from "node:path";
import { PptError } from "@ppt-vit/core";
import { Header, type HeaderData, Pax } from "tar";
import { codeOf } from "../../files/errors.js";
import { isPictureName } from "../../files/picture-files.js";
import { plainStat } from "../../files/write-file.js";
import type { Item } from "./item.js";
import type { InputKind } from "./kind.js";

const blockBytes = 512;
/** The longest extended header. Paths are at most 4096 bytes. */
const mostHeaderBytes = 2 ** 20;

const files: readonly string[] = ["File", "OldFile", "ContiguousFile"];

export const tar: InputKind = {
  name: "tar",
  description: "a tar archive, as WebDataset has them (.tar)",
  root: (argument) => argument,
  takes: (argument) => /\.(tar|tgz|tar\.\w+)$/i.test(argument),
  *items(argument) {
    if (!/\.tar$/i.test(argument))
      throw new PptError(
        "INVALID_INPUT",
        `${argument}: compressed, so that no picture can be read by itself: unpack it to a .tar`,
      );
    let file: number;
    try {
      file = openSync(argument, "r");
    } catch (cause) {
      throw new PptError("NOT_FOUND", `${argument}: cannot be read (${codeOf(cause)})`, { cause });
    }
    try {
      if (!fstatSync(file, plainStat).isFile())
        throw new PptError("INVALID_INPUT", `${argument}: no file, which a tar must be`);
      yield* entries(argument, file);
    } finally {
      closeSync(file);
    }
  },
};

function* entries(path: string, file: number): Generator<Item> {
  const size = Number(fstatSync(file, plainStat).size);
  const broken = (problem: string): Item => ({ name: path, file: path, problem });
  if (size === 0) return yield broken("an empty file, and no tar archive");
  const read = (at: number, length: number): Buffer => {
    const bytes = Buffer.alloc(length);
    for (let done = 0; done < length; ) {
      const count = readSync(file, bytes, done, length - done, at + done);
      if (count === 0) break;
      done += count;
    }
    return bytes;
  };
  let own: HeaderData | undefined;
  let common: HeaderData | undefined;
  for (let at = 0; ; ) {
    if (at + blockBytes > size) {
      // Every archive ends with two empty blocks.
      yield broken(`ends at byte ${size} without the end mark of a tar: it was cut off there; copy it again`);
      return;
    }
    const header = new Header(read(at, blockBytes), 0);
    if (header.nullBlock) return;
    if (!header.cksumValid) {
      yield broken(`no header of a tar at byte ${at}: the file is damaged, or no tar archive`);
      return;
    }
    // An extended header goes before the plain one, whose names are shorter. Given both, `Header` would join them.
    const length = own?.size ?? common?.size ?? header.size ?? 0;
    const start = at + blockBytes;
    at = start + blockBytes * Math.ceil(length / blockBytes);
    const isCut = start + length > size;
    if (!isCut && isExtension(header)) {
      if (length > mostHeaderBytes) {
        yield broken(`a header of ${length} bytes at byte ${start - blockBytes}: the file is damaged`);
        return;
      }
      const text = read(start, length);
      if (header.type === "GlobalExtendedHeader") common = Pax.parse(text.toString(), common, true);
      else if (header.type === "NextFileHasLongPath" || header.type === "OldGnuLongPath")
        own = { ...own, path: text.toString().replace(/\0.*$/s, "") };
      else if (header.type !== "NextFileHasLongLinkpath") own = Pax.parse(text.toString(), own);
      continue;
    }
    const name = own?.path ?? common?.path ?? header.path ?? "";
    own = undefined;
    if (files.includes(header.type) && isPictureName(basename(name))) {
      const item = { name: `${path}/${name}`, file: path, range: [start, length] as const };
      yield isCut
        ? { ...item, problem: `${path} ends within this picture, at byte ${size}: it was cut off there; copy it again` }
        : item;
    }
    if (isCut) {
      if (!isPictureName(basename(name)))
        yield broken(`ends at byte ${size}, within ${name}: it was cut off there; copy it again`);
      return;
    }
  }
}

const isExtension = ({ type }: Header): boolean => /ExtendedHeader$|Long(Link)?path$/i.test(type);
