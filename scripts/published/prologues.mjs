/** What stands before a block: the prologues that its comment names, and the blocks before it if it says so. */
import { readFileSync } from "node:fs";

/**
 * @param {import("./blocks.mjs").Block} block
 * @param {import("./blocks.mjs").Block[]} earlier the blocks before it in its document
 * @returns {string} the whole code
 */
export function codeOf(block, earlier, extension = "js") {
  const { prologue = "", after } = block.says;
  if (after !== undefined && after !== "previous") throw new Error(`after=${after}, expected after=previous`);
  const before = after ? earlier.filter(({ language, file }) => language === block.language && !file) : [];
  const texts = prologue
    .split(",")
    .filter(Boolean)
    .map((name) => readFileSync(new URL(`prologues/${name}.${extension}`, import.meta.url), "utf8"));
  return [...texts, ...before.map(({ text }) => text), block.text].join("\n");
}
