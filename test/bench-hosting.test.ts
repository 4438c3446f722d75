/** Tests the headers in the hosting recipes of the benchmark app: all recipes agree, and the headers do their work. */
import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Browser, Page, Worker } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { assetHeaders, headers, metaPolicy } from "../apps/bench/headers.js";
import viteConfig from "../apps/bench/vite.config.js";
import { root } from "../scripts/workspace.mjs";
import { followHeadersFile, type Host, host, parseHeadersFile } from "./browser/bench-serve.js";
import { browserPath, launchBrowser } from "./browser/serve.js";

const dist = join(root, "apps/bench/dist");
const readme = readFileSync(join(root, "apps/bench/README.md"), "utf8");

/** The README's code block in a language. */
function block(language: string): string {
  const [, code] = new RegExp(`^ *\`\`\`${language}\\n(.*?)^ *\`\`\``, "ms").exec(readme) ?? [];
  if (code === undefined) throw new Error(`the README has no block '${language}'`);
  return code;
}
const pairs = (text: string, line: RegExp) =>
  Object.fromEntries([...text.matchAll(line)].map(([, name, value]) => [name, value]));

describe("every recipe has the headers of headers.ts", () => {
  test("the README's list", () => {
    expect(pairs(block("http"), /^([\w-]+): (.*)$/gm)).toEqual(headers);
  });
  test("Vercel", () => {
    const rules: { source: string; headers: { key: string; value: string }[] }[] = JSON.parse(block("json")).headers;
    const given = rules.map(({ source, headers }) => [
      source,
      Object.fromEntries(headers.map(({ key, value }) => [key, value])),
    ]);
    expect(Object.fromEntries(given)).toEqual({ "/(.*)": headers, "/assets/(.*)": assetHeaders });
  });
  test("nginx", () => {
    expect(pairs(block("nginx"), /^ *add_header ([\w-]+) "([^"]*)" always;$/gm)).toEqual(headers);
  });
  test("Apache", () => {
    expect(pairs(block("apache"), /^ *Header always set ([\w-]+) "([^"]*)"$/gm)).toEqual(headers);
    expect(pairs(block("apache"), /^ *Header set ([\w-]+) "([^"]*)"$/gm)).toEqual(assetHeaders);
  });
  test("the build's _headers, for all addresses", () => {
    const file = readFileSync(join(dist, "_headers"), "utf8");
    expect(file).toMatch(/^\/\*\n {2}/);
    expect(parseHeadersFile(file)).toEqual({ "/*": headers, "/assets/*": assetHeaders });
  });
  test("vite preview and, but for the styles that it puts into pages, the development server", () => {
    const { preview, server } = viteConfig;
    expect(preview?.headers).toEqual(headers);
    const name = "Content-Security-Policy";
    const relaxed = headers[name]!.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'");
    expect(server?.headers).toEqual({ ...headers, [name]: relaxed });
  });
  test("the built page's <meta>, as far as one can", () => {
    const page = readFileSync(join(dist, "index.html"), "utf8");
    const [, content] = /<meta http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page) ?? [];
    expect(content?.replaceAll("&#39;", "'")).toBe(metaPolicy);
    expect(`${metaPolicy}; frame-ancestors 'none'`).toBe(headers["Content-Security-Policy"]);
    // The policy stands before everything that it must apply to.
    expect(page.indexOf("http-equiv")).toBeLessThan(page.search(/<(script|link|style)/));
  });
});

describe.skipIf(!browserPath)("the app's worker", () => {
  let browser: Browser;
  /** Another host, which any page may read from. */
  let other: Server;
  let otherUrl: string;
  let asked: string[];

  beforeAll(async () => {
    if (!existsSync(join(dist, "index.html"))) throw new Error("apps/bench/dist is missing: run pnpm build first");
    browser = await launchBrowser();
    other = createServer((request, response) => {
      asked.push(request.url!);
      const allowing = { "access-control-allow-origin": "*", "cross-origin-resource-policy": "cross-origin" };
      response.writeHead(200, allowing).end("secret kept");
    });
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    otherUrl = `http://127.0.0.1:${(other.address() as AddressInfo).port}/`;
  });
  afterAll(async () => {
    await browser?.close();
    other?.close();
  });

  /** The page's first worker, after the app has classified with it. */
  async function workerOf(page: Page, served: Host): Promise<Worker> {
    const [worker] = await Promise.all([page.waitForEvent("worker"), page.goto(`${served.url}?backend=cpu`)]);
    await page.waitForFunction(() => /^dog: dog, \d/.test(document.getElementById("view-status")!.textContent!));
    return worker;
  }
  const ask = (worker: Worker, url: string) =>
    worker.evaluate(async (url) => {
      const refused = new Promise<string>((resolve) =>
        self.addEventListener("securitypolicyviolation", (event) => {
          const { effectiveDirective, blockedURI } = event as SecurityPolicyViolationEvent;
          resolve(`${effectiveDirective} refuses ${blockedURI}`);
        }),
      );
      return fetch(url).then(
        (response) => response.text(),
        () => refused,
      );
    }, url);

  test.each([
    ["with the recipe's headers cannot ask another host", true],
    ["without headers can: the page's <meta> does not hold for it", false],
  ])("%s", async (_, sent) => {
    asked = [];
    const recipe = followHeadersFile(readFileSync(join(dist, "_headers"), "utf8"));
    const served = await host({ "": dist }, {}, sent ? recipe : {});
    const page = await browser.newPage();
    try {
      const worker = await workerOf(page, served);
      const answer = await ask(worker, `${otherUrl}stolen`);
      expect(answer).toBe(sent ? `connect-src refuses ${otherUrl}stolen` : "secret kept");
      expect(asked).toEqual(sent ? [] : ["/stolen"]);
    } finally {
      await page.close();
      served.server.close();
    }
  });
});
