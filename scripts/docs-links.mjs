/** Checks the links between the pages of a built site: each leads to a file, and each fragment to an element with that id. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative, sep } from "node:path";

/** All files below `folder`, relative to it, with forward slashes. */
export function filesBelow(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)).replaceAll(sep, "/"));
}

const unescaped = (text) => text.replaceAll("&amp;", "&").replaceAll("&quot;", '"').replaceAll("&#39;", "'");

/**
 * `folder` holds the site, which a host serves at `base`. `isPage` tells its pages from other HTML files. `foreign` are the
 * addresses outside the site that its pages may name.
 * @returns {{ pages: number, links: number, problems: string[] }}
 */
export function checkSiteLinks(folder, { base, isPage, foreign }) {
  const pages = filesBelow(folder).filter((file) => file.endsWith(".html") && isPage(file));
  const ids = new Map();
  /** The ids of the elements of a page. */
  const idsOf = (file) => {
    if (!ids.has(file))
      ids.set(
        file,
        new Set([...readFileSync(file, "utf8").matchAll(/\sid="([^"]*)"/g)].map(([, id]) => unescaped(id))),
      );
    return ids.get(file);
  };
  const problems = [];
  let links = 0;
  for (const page of pages) {
    const html = readFileSync(join(folder, page), "utf8").replace(/<script[\s\S]*?<\/script>/g, "");
    for (const [, quoted] of html.matchAll(/\s(?:href|src)="([^"]*)"/g)) {
      const target = unescaped(quoted);
      if (/^(data|mailto):/.test(target)) continue;
      links++;
      const address = new URL(target, `http://site${base}${page}`);
      if (address.host !== "site") {
        if (!foreign.some((one) => target.startsWith(one)))
          problems.push(`${page}: ${target} leads to an unexpected host`);
        continue;
      }
      const path = decodeURIComponent(address.pathname);
      if (!path.startsWith(base)) {
        problems.push(`${page}: ${target} leaves the folder of the site`);
        continue;
      }
      let file = join(folder, path.slice(base.length));
      if (existsSync(file) && statSync(file).isDirectory()) file = join(file, "index.html");
      if (!existsSync(file)) problems.push(`${page}: ${target} leads nowhere`);
      // The app keeps results behind the hash, as NAME=VALUE.
      else if (
        /^#[^=]+$/.test(address.hash) &&
        file.endsWith(".html") &&
        !idsOf(file).has(decodeURIComponent(address.hash.slice(1)))
      )
        problems.push(`${page}: ${target} names no element of that page`);
    }
  }
  return { pages: pages.length, links, problems: [...new Set(problems)] };
}
