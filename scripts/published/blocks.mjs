/**
 * The code blocks of the READMEs and of the documentation, and what their authors say about running them.
 *
 * A block runs in the way of its language. A comment before the block, which readers do not see, can say otherwise:
 *
 *     <!-- block: way=parse reason="it needs the authors' code and ImageNet" -->
 *
 * - `way` is one of the names in `ways/index.mjs`. A way that runs less than the language's own needs a `reason`.
 * - `prologue` names files of `prologues/`, separated by commas. They stand before the block and supply what it lacks.
 * - `after=previous` puts the blocks before it in the same document, in the same language, before it.
 * - A block whose first line is `// NAME: this is the whole file` is written to that file, for the pages that follow.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Lexer } from "marked";
import { root } from "../workspace.mjs";

/**
 * @typedef {object} Block
 * @property {string} document path of the Markdown file below the repository, with `/`
 * @property {number} line of the first fence
 * @property {string} language lower case, or ""
 * @property {string} text the code, verbatim
 * @property {string} [file] the file that the block is
 * @property {Record<string, string>} says what the comment before it says
 */

const documents = [/^README\.md$/, /^CONTRIBUTING\.md$/, /^SECURITY\.md$/, /(^|\/)README\.md$/, /^apps\/docs\/.*\.md$/];
const passedOver = new Set([
  "node_modules",
  "dist",
  "generated",
  "api",
  ".git",
  ".turbo",
  ".vitepress",
  "test-artifacts",
]);

/** Paths of all documents below the repository, sorted. A new page is found by itself. */
export function findDocuments(folder = "") {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .flatMap((entry) => {
      const path = folder ? `${folder}/${entry.name}` : entry.name;
      if (entry.isDirectory()) return passedOver.has(entry.name) ? [] : findDocuments(path);
      return documents.some((pattern) => pattern.test(path)) ? [path] : [];
    })
    .sort();
}

/** @returns {Block[]} the blocks of the document, in their order */
export function blocksOf(document, markdown = readFileSync(join(root, document), "utf8")) {
  const found = [];
  let from = 0;
  const visit = (tokens) => {
    let comment;
    for (const token of tokens) {
      if (token.type === "code" && token.codeBlockStyle !== "indented") {
        const fence = token.raw.split("\n", 1)[0];
        from = markdown.indexOf(fence.trim(), from) + fence.length;
        const line = markdown.slice(0, from).split("\n").length;
        const language = (token.lang ?? "").split(/[\s{:]/, 1)[0].toLowerCase();
        const [, file] = /^\/\/ ([\w.-]+): this is the whole file$/m.exec(token.text.split("\n", 1)[0]) ?? [];
        found.push({ document, line, language, text: `${token.text}\n`, file, says: comment ?? {} });
      }
      if (token.type === "html") {
        const [, words] = /<!--\s*block:([\s\S]*?)-->\s*$/.exec(token.raw) ?? [];
        comment = words === undefined ? undefined : wordsOf(words, document);
      } else if (token.type !== "space") comment = undefined;
      for (const children of [token.items, token.tokens]) if (children) visit(children);
    }
  };
  visit(new Lexer().lex(markdown));
  return found;
}

const knownWords = ["way", "reason", "prologue", "after"];

/** Reads `name=value` and `name="some values"`. */
function wordsOf(text, document) {
  const words = Object.fromEntries(
    [...text.matchAll(/([\w-]+)=(?:"([^"]*)"|(\S+))/g)].map(([, name, quoted, plain]) => [name, quoted ?? plain]),
  );
  const rest = text.replace(/([\w-]+)=(?:"([^"]*)"|(\S+))/g, "").trim();
  const unknown = Object.keys(words).find((name) => !knownWords.includes(name)) ?? rest;
  if (unknown)
    throw new Error(`${document}: '<!-- block:${text}-->' has '${unknown}', expected ${knownWords.join(", ")}`);
  return words;
}
