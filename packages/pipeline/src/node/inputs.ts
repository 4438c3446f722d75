/** What functions take in Node, besides options: checkpoints and pictures. */
import { check, checkArgument, text } from "@ppt-vit/core/options";
import type { CheckpointFiles } from "../checkpoint/files.js";
import { storeCheck } from "../checkpoint/options.js";
import { anyText, either } from "../checks.js";

/** `demo`; a folder (`./name`, `../name` or an absolute path); a model of the Hub (`org/name`); or a store of your own. */
export type CheckpointSource = string | CheckpointFiles;

/** A file's path or `file:` URL, whose escapes need not be UTF-8, or the bytes of an encoded picture. */
export type ImageInput = string | URL | Uint8Array;

// The content of a text is checked later, under an error code of its own.
const sourceCheck = either("'demo', a path, an id of the Hub, or a store { name, read }", anyText, storeCheck);

/** @throws PptError INVALID_INPUT */
export const requireSource = (where: string, source: unknown): void =>
  checkArgument(where, "source", source, sourceCheck);

const pictureCheck = check(
  "a path, a file: URL, or the bytes of a picture as a Uint8Array",
  (value) => text.holds(value) || value instanceof URL || value instanceof Uint8Array,
);

/** @throws PptError INVALID_INPUT */
export const requirePicture = (input: unknown): void => checkArgument("picture", "input", input, pictureCheck);
