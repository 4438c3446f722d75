/** Links between the documents of the repository lead to files, lines and headings that are there. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { root, run } from "../scripts/workspace.mjs";

const { stdout } = await run("git", ["ls-files", "-z", "*.md"]);
// The pages of .changeset become parts of other files.
const documents = stdout.split("\0").filter((file) => file !== "" && !file.startsWith(".changeset/"));

/** Targets of the links in a Markdown text, without those in code. */
function linksOf(text: string): string[] {
  const prose = text.replace(/```[\s\S]*?```/g, "").replace(/`[^`\n]*`/g, "");
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!);
}

/** Pages of packages are shown by npm, too, where only absolute addresses surely work. */
const ownAddress = /^https:\/\/github\.com\/ppt-vit\/ppt-vit\/(?:blob|tree)\/main\//;

/** The fragments that GitHub and the documentation site give to the headings of a Markdown text. */
function anchorsOf(text: string): Set<string> {
  const headings = text.replace(/^```[\s\S]*?^```/gm, "").matchAll(/^#+ (.+)$/gm);
  return new Set(
    [...headings].map(([, heading]) =>
      heading!
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, "")
        .trim()
        .replaceAll(" ", "-"),
    ),
  );
}

/** What is wrong with a link from a document, if anything. */
function problemOf(document: string, link: string): string | undefined {
  const own = ownAddress.test(link);
  if (!own && /^[a-z]+:/.test(link)) return undefined;
  const [path, fragment] = link.replace(ownAddress, "").split("#");
  const folder = own ? root : join(root, dirname(document));
  const file = path === "" ? join(root, document) : join(folder, decodeURIComponent(path!));
  if (!existsSync(file)) return `${document}: ${link} leads nowhere`;
  if (fragment && file.endsWith(".md") && !anchorsOf(readFileSync(file, "utf8")).has(fragment))
    return `${document}: ${link} names no heading of that page`;
  const [, line] = /^L(\d+)$/.exec(fragment ?? "") ?? [];
  if (line !== undefined && readFileSync(file, "utf8").split("\n").length <= Number(line))
    return `${document}: ${link} is behind the end of the file`;
  return undefined;
}

describe.skipIf(documents.length === 0)("links", () => {
  test("are found in documents", () => {
    expect(linksOf("a [b](c.md#L3) `[d](e)`\n```\n[f](g)\n```\n")).toEqual(["c.md#L3"]);
    expect(problemOf("README.md", "none.md")).toBe("README.md: none.md leads nowhere");
    expect(problemOf("README.md", "LICENSE#L9999")).toBe("README.md: LICENSE#L9999 is behind the end of the file");
    expect(problemOf("docs/x.md", "../README.md#no-such-heading")).toMatch("names no heading of that page");
    expect(problemOf("packages/x.md", "https://github.com/ppt-vit/ppt-vit/blob/main/none.md")).toMatch("leads nowhere");
    expect(problemOf("README.md", "https://example.org/none.md")).toBeUndefined();
  });

  test("lead to files that are there", () => {
    const problems = documents.flatMap((document) =>
      linksOf(readFileSync(join(root, document), "utf8")).map((link) => problemOf(document, link)),
    );
    expect(problems.length).toBeGreaterThan(50);
    expect(problems.filter((problem) => problem !== undefined)).toEqual([]);
  });
});
