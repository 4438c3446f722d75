/** The changelog: what the next release brings, from the changesets, and the changelogs of the packages. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { generated, root } from "./paths.mjs";

export function writeChangelog() {
  const folder = join(root, ".changeset");
  const pending = readdirSync(folder)
    .filter((file) => file.endsWith(".md") && file !== "README.md")
    .sort()
    .flatMap((file) => {
      const [, packages, text] =
        /^---\n([\s\S]*?)\n---\n([\s\S]*)$/.exec(readFileSync(join(folder, file), "utf8")) ?? [];
      if (text === undefined) return [];
      const names = [...packages.matchAll(/@ppt-vit\/([a-z-]+)/g)].map(([, name]) => name);
      return [`- **${names.join(", ")}**: ${asItem(text)}`];
    });
  const packages = readdirSync(join(root, "packages")).filter((name) =>
    existsSync(join(root, "packages", name, "CHANGELOG.md")),
  );
  const released = packages.map((name) => {
    const text = readFileSync(join(root, "packages", name, "CHANGELOG.md"), "utf8");
    return text.replace(/^(#+) /gm, "#$1 ").trim();
  });
  const unreleased = pending.length > 0 ? [`## Next release\n\n${pending.join("\n")}`] : [];
  writeFileSync(join(generated, "changelog.md"), `${[...unreleased, ...released].join("\n\n")}\n`);
}

/** Text as the content of a list item: its further lines are indented. Angle brackets outside code mean themselves. */
const asItem = (text) =>
  text
    .trim()
    .split(/(`[^`]*`)/)
    .map((part) => (part.startsWith("`") ? part : part.replaceAll("<", "&lt;")))
    .join("")
    .replaceAll("\n", "\n  ");
