/** What a model is called: a name and a path are told apart by form, and nothing of a name reaches a path unchecked. */
import { PptError } from "@ppt-vit/core";
import { quoted } from "../text/quoted.js";

/** `org/name`: the rules of the Hub, in ASCII, so that the folder `models--org--name` is one model's alone. */
const modelId = /^[A-Za-z0-9_](?:[\w.-]{0,94}[A-Za-z0-9_])?\/[A-Za-z0-9_](?:[\w.-]{0,94}[A-Za-z0-9_])?$/;
const revisionPart = /^[A-Za-z0-9_][\w.+-]*$/;
const fileName = /^\w[\w.-]{0,199}$/;
const commitHash = /^[0-9a-f]{40}$/;

/** Whether a text has the form `org/name`, whatever it may name. */
export const looksLikeModelId = (text: string): boolean => /^[^./\\:][^/\\:]*\/[^/\\:]+$/.test(text);

/** @throws PptError INVALID_OPTION */
export function requireModelId(id: string): void {
  if (modelId.test(id) && !/--|\.\.|\.git(\/|$)/.test(id)) return;
  throw new PptError(
    "INVALID_OPTION",
    `model ${quoted(id)} is no id of the Hub: org/name of letters, digits, '-', '_' and '.'; for a folder write ./ in front`,
  );
}

/** A branch, a tag, `refs/pr/1` or a commit. @throws PptError INVALID_OPTION */
export function requireRevision(revision: string): void {
  const parts = revision.split("/");
  const sound = (part: string) => revisionPart.test(part) && !part.includes("..") && !part.endsWith(".lock");
  if (revision.length <= 200 && parts.every(sound)) return;
  throw new PptError(
    "INVALID_OPTION",
    `revision ${quoted(revision)} is none: expected a branch, a tag or a commit, as in main or v1.0`,
  );
}

/** A file of a model's own folder. @throws PptError INVALID_OPTION */
export function requireFileName(file: string): void {
  if (fileName.test(file) && !file.includes("..")) return;
  throw new PptError("INVALID_OPTION", `file ${quoted(file)}: expected the name of a file in the model's folder`);
}

/** Whether a revision is a whole commit hash, which never changes its meaning. */
export const isCommit = (revision: string): boolean => commitHash.test(revision);
