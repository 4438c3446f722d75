/** The documentation names what is there: error codes, pages, figures. `npm run docs` checks the site itself. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { root } from "../scripts/workspace.mjs";

const docs = join(root, "apps", "docs");
const read = (...path: string[]) => readFileSync(join(root, ...path), "utf8");

/** A module that has no types. */
const load = (...path: string[]) => import(pathToFileURL(join(root, ...path)).href);

test("troubleshooting explains every error code, and no other", () => {
  const codes = [...read("packages/core/src/errors.ts").matchAll(/^ {2}\| "([A-Z_]+)"/gm)].map(([, code]) => code!);
  const explained = [...read("apps/docs/troubleshooting.md").matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, code]) => code!);
  expect(codes.length).toBeGreaterThan(15);
  expect(explained).toEqual(codes.toSorted());
});

test("every page has a place in the sidebar", async () => {
  const made = /^(api|generated|node_modules|try|\.vitepress)\b/;
  const pages = readdirSync(docs, { recursive: true, encoding: "utf8" })
    .map((file) => file.replaceAll("\\", "/"))
    .filter((file) => file.endsWith(".md") && !made.test(file) && !["README.md", "index.md"].includes(file));
  const sidebar = read("apps/docs/.vitepress/sidebar.ts");
  expect(pages.length).toBeGreaterThan(30);
  for (const page of pages) {
    const name = page.split("/").at(-1)!.replace(/\.md$/, "");
    expect(name === "index" || sidebar.includes(`"${name}"`), page).toBe(true);
  }
});

test("every command has a page", () => {
  for (const command of readdirSync(join(root, "packages/cli/src/commands")))
    if (command !== "demo") expect(readdirSync(join(docs, "cli"))).toContain(`${command}.md`);
});

test("compatibility rests on tests that are there", async () => {
  const { suites } = await load("apps/docs/generate/suites.mjs");
  expect(suites.length).toBeGreaterThan(15);
  for (const { file, states } of suites) expect(read(file)).toContain(states);
});

test("the README is short, and its figures are the recorded ones", async () => {
  const readme = read("README.md");
  expect(readme.split("\n").length).toBeLessThanOrEqual(151);
  const { accuracyLine } = await load("benchmarks/accuracy.mjs");
  const { dtypeLine } = await load("benchmarks/dtypes.mjs");
  expect(readme, "run pnpm bench:report").toContain(
    `<!-- accuracy -->\n${accuracyLine()} ${dtypeLine()}\n<!-- /accuracy -->`,
  );
});

test("a site's broken links are found", async () => {
  const { checkSiteLinks } = await load("scripts/docs-links.mjs");
  const site = mkdtempSync(join(tmpdir(), "ppt-vit-site-"));
  try {
    const links = [
      "b.html#there",
      "b.html#no",
      "no.html",
      "/elsewhere/",
      "http://example.org/",
      "https://example.org/",
    ];
    writeFileSync(join(site, "index.html"), links.map((link) => `<a href="${link}">x</a>`).join("\n"));
    writeFileSync(join(site, "b.html"), '<h2 id="there">x</h2><a href="/docs/">home</a>');
    expect(checkSiteLinks(site, { base: "/docs/", isPage: () => true, foreign: ["https://"] })).toEqual({
      pages: 2,
      links: 7,
      problems: [
        "index.html: b.html#no names no element of that page",
        "index.html: no.html leads nowhere",
        "index.html: /elsewhere/ leaves the folder of the site",
        "index.html: http://example.org/ leads to an unexpected host",
      ],
    });
  } finally {
    rmSync(site, { recursive: true });
  }
});
