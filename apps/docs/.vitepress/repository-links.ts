/** Pages link to files of the repository by relative paths, which work on GitHub. Here they become addresses of GitHub. */
import { existsSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import type { MarkdownRenderer } from "vitepress";

const repository = "https://github.com/ppt-vit/ppt-vit";

/** `docs` is the folder of the pages. */
export function repositoryLinks(md: MarkdownRenderer, docs: string): void {
  const root = resolve(docs, "../..");
  md.core.ruler.push("repository-links", ({ tokens, env }) => {
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      const href = token.type === "link_open" ? token.attrGet("href") : null;
      if (!href || !/^\.{1,2}\//.test(href)) continue;
      const [path, fragment] = href.split("#");
      const file = join(docs, dirname(env.relativePath), decodeURIComponent(path!));
      if (!relative(docs, file).startsWith("..")) continue;
      if (!existsSync(file)) throw new Error(`${env.relativePath}: ${href} leads nowhere`);
      const kind = statSync(file).isDirectory() ? "tree" : "blob";
      token.attrSet("href", `${repository}/${kind}/main/${relative(root, file)}${fragment ? `#${fragment}` : ""}`);
    }
  });
}
