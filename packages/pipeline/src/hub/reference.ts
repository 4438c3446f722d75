/** Names of models, revisions and files on the Hub. All are checked here before they become part of a path or address. */
import { PptError } from "@ppt-vit/core";
import { quoted } from "../text/quoted.js";

/** `org/name` by the rules of the Hub, in ASCII, so that two models never share the folder `models--org--name`. */
const modelId = /^[A-Za-z0-9_](?:[\w.-]{0,94}[A-Za-z0-9_])?\/[A-Za-z0-9_](?:[\w.-]{0,94}[A-Za-z0-9_])?$/;
const revisionPart = /^[A-Za-z0-9_][\w.+-]*$/;
const fileName = /^\w[\w.-]{0,199}$/;
const commitHash = /^[0-9a-f]{40}$/;

/** Whether a text has the form `org/name`. The id itself may still be invalid. */
export const looksLikeModelId = (text: string): boolean => /^[^./\\:][^/\\:]*\/[^/\\:]+$/.test(text);

/** @throws PptError INVALID_OPTION */
export function requireModelId(id: string): void {
  if (modelId.test(id) && !/--|\.\.|\.git(\/|$)/.test(id)) return;
  throw new PptError(
    "INVALID_OPTION",
    `model ${quoted(id)} is no id of the Hub: org/name of letters, digits, '-', '_' and '.'; for a folder write ./ in front`,
  );
}

/** Accepts a branch, a tag, `refs/pr/1` or a commit. @throws PptError INVALID_OPTION */
export function requireRevision(revision: string): void {
  const parts = revision.split("/");
  const sound = (part: string) => revisionPart.test(part) && !part.includes("..") && !part.endsWith(".lock");
  if (revision.length <= 200 && parts.every(sound)) return;
  throw new PptError(
    "INVALID_OPTION",
    `revision ${quoted(revision)} is none: expected a branch, a tag or a commit, as in main or v1.0`,
  );
}

/** Accepts the name of a file at the top of a model's repository. @throws PptError INVALID_OPTION */
export function requireFileName(file: string): void {
  if (fileName.test(file) && !file.includes("..")) return;
  throw new PptError("INVALID_OPTION", `file ${quoted(file)}: expected the name of a file in the model's folder`);
}

/** Whether a revision is a whole commit hash: it always means the same files. */
export const isCommit = (revision: string): boolean => commitHash.test(revision);
