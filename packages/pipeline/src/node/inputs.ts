/** What functions take in Node, besides options: checkpoints and pictures. */
import { check, checkArgument, text } from "@ppt-vit/core/options";
import type { CheckpointFiles } from "../checkpoint/files.js";
import { storeCheck } from "../checkpoint/options.js";
import { anyText, either } from "../checks.js";

/** `demo`; a folder (`./name`, `../name` or an absolute path); a model of the Hub (`org/name`); or a store of your own. */
export type CheckpointSource = string | CheckpointFiles;

/** A picture whose bytes are read when its turn comes: one of an archive, or of a store of your own. */
export interface PictureSource {
  /** For messages. */
  readonly name: string;
  /** The bytes of an encoded picture. An error that is no PptError ends the whole call. */
  read(): Promise<Uint8Array>;
}

/** A file's path or `file:` URL, whose escapes need not be UTF-8, the bytes of an encoded picture, or what reads them. */
export type ImageInput = string | URL | Uint8Array | PictureSource;

// The content of a text is checked later, under an error code of its own.
const sourceCheck = either("'demo', a path, an id of the Hub, or a store { name, read }", anyText, storeCheck);

/** @throws PptError INVALID_INPUT */
export const requireSource = (where: string, source: unknown): void =>
  checkArgument(where, "source", source, sourceCheck);

export const isPictureSource = (input: unknown): input is PictureSource =>
  typeof input === "object" &&
  input !== null &&
  typeof (input as Partial<PictureSource>).name === "string" &&
  typeof (input as Partial<PictureSource>).read === "function";

const pictureCheck = check(
  "a path, a file: URL, the bytes of a picture as a Uint8Array, or { name, read }",
  (value) => text.holds(value) || value instanceof URL || value instanceof Uint8Array || isPictureSource(value),
);

/** @throws PptError INVALID_INPUT */
export const requirePicture = (input: unknown): void => checkArgument("picture", "input", input, pictureCheck);
