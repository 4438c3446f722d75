import { env } from "node:process";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitepress";
import { repositoryLinks } from "./repository-links.js";
import { guides, reference } from "./sidebar.js";

const docs = fileURLToPath(new URL("..", import.meta.url));

export default defineConfig({
  title: "ppt-vit",
  description: "Vision Transformers, faster, with the checkpoint you have: Token Pruning & Pooling in JavaScript.",
  // The path at which a host serves the site. It begins and ends with a slash.
  base: env.DOCS_BASE ?? "/",
  srcExclude: ["README.md", "generated/**"],
  head: [
    ["link", { rel: "icon", type: "image/svg+xml", href: `${env.DOCS_BASE ?? "/"}icon.svg` }],
    ["meta", { name: "theme-color", content: "#0b6b5a" }],
  ],
  lastUpdated: false,
  metaChunk: true,
  markdown: {
    theme: { light: "github-light-high-contrast", dark: "github-dark-high-contrast" },
    config: (md) => repositoryLinks(md, docs),
  },
  themeConfig: {
    logo: "/icon.svg",
    outline: [2, 3],
    nav: [
      { text: "Guide", link: "/guide/node", activeMatch: "^/(guide|explain|migrate|extend)/" },
      { text: "Command line", link: "/cli/", activeMatch: "^/cli/" },
      { text: "API", link: "/api/", activeMatch: "^/api/" },
      { text: "Benchmarks", link: "/benchmarks", activeMatch: "^/(benchmarks|accuracy|compatibility)" },
      { text: "Try it", link: "/app/", target: "_self" },
    ],
    sidebar: { ...reference(new URL("../api/typedoc-sidebar.json", import.meta.url)), "/": guides },
    search: {
      provider: "local",
      options: {
        miniSearch: {
          searchOptions: {
            combineWith: "AND",
            prefix: true,
            fuzzy: 0.1,
            boost: { title: 4, text: 2, titles: 1 },
            // Guides explain what the API reference only mentions. A symbol is still found first by its name.
            boostDocument: (id: string) => (id.includes("/api/") ? 0.35 : 1),
          },
        },
      },
    },
    socialLinks: [{ icon: "github", link: "https://github.com/ppt-vit/ppt-vit" }],
    editLink: { pattern: "https://github.com/ppt-vit/ppt-vit/edit/main/apps/docs/:path", text: "Edit this page" },
    footer: { message: "Apache-2.0. PPT is by Wu, Zeng, Wang, Wang and Chen." },
  },
});
