/**
 * `npm run docs`: builds the documentation site, together with the benchmark app, as a host would serve it below a path, and
 * checks it: links and anchors; and in Chromium every kind of page on a wide and a phone screen, light and dark, with axe, and
 * that it neither scrolls sideways nor asks another host; the search; and the app. Screenshots go to test-artifacts/docs.
 * The last line is `N passed, N failed`.
 *
 *   --dev     serves the pages while they are written, and checks nothing
 *   --quick   keeps an API reference and token pictures that are there
 *   --built   checks a site that was built before
 */
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { env } from "node:process";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { findBrowser } from "./browser.mjs";
import { checkSiteLinks } from "./docs-links.mjs";
import { serveFolder } from "./docs-serve.mjs";
import { localBin, root, run, seconds } from "./workspace.mjs";

const { values: options } = parseArgs({
  options: {
    dev: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    built: { type: "boolean", default: false },
  },
});
const docs = join(root, "apps", "docs");
const site = join(docs, ".vitepress", "dist");
const shots = join(root, "test-artifacts", "docs");
const base = env.DOCS_BASE ?? "/ppt-vit/";
const vitepress = join(docs, "node_modules", "vitepress", "bin", "vitepress.js");
const total = { passed: 0, failed: 0 };

/** One page of each kind. */
const kinds = {
  home: "",
  guide: "guide/browser.html",
  options: "guide/core.html",
  explanation: "explain/ppt.html",
  code: "extend/policy.html",
  migration: "migrate/pytorch.html",
  compatibility: "compatibility.html",
  benchmarks: "benchmarks.html",
  submitted: "submitted.html",
  accuracy: "accuracy.html",
  command: "cli/classify.html",
  troubleshooting: "troubleshooting.html",
  changelog: "changelog.html",
  reference: "api/@ppt-vit/pipeline/index.html",
  symbol: "api/@ppt-vit/core/interfaces/VisionModelConfig.html",
};
const screens = { wide: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };

if (options.built && !options.dev) await checkSite();
else {
  await step("what pages include", () =>
    must("node", [join(docs, "generate", "all.mjs"), ...(options.quick ? ["--quick"] : [])], { cwd: docs }),
  );
  if (options.dev) await run("node", [vitepress, "dev"], { cwd: docs, show: true, stdin: true });
  else await buildSite();
}
if (!options.dev) {
  console.log(`${total.passed} passed, ${total.failed} failed`);
  process.exitCode = total.failed > 0 ? 1 : 0;
}

async function buildSite() {
  await step("the site", () => must("node", [vitepress, "build"], { cwd: docs, env: { DOCS_BASE: base } }));
  await step("the benchmark app", async () => {
    const app = join(root, "apps", "bench");
    const filter = ["--filter=@ppt-vit/bench-app", "--output-logs=errors-only", "--ui=stream"];
    await must("node", [localBin("turbo"), "run", "build", ...filter]);
    cpSync(join(app, "dist"), join(site, "app"), { recursive: true });
  });
  if (total.failed === 0) await checkSite();
}

async function checkSite() {
  await step("links", () => {
    const found = checkSiteLinks(site, {
      base,
      isPage: (file) => !/^(app|generated)\//.test(file),
      foreign: ["https://"],
    });
    if (found.problems.length > 0) throw new Error(found.problems.join("\n"));
    return `${found.links} links of ${found.pages} pages`;
  });
  rmSync(shots, { recursive: true, force: true });
  mkdirSync(shots, { recursive: true });
  const executablePath = findBrowser();
  if (!executablePath) {
    await step("browser", () => {
      throw new Error("no chromium or google-chrome found: install one or set CHROMIUM_PATH");
    });
    return;
  }
  const { url, close } = await serveFolder(site, base);
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  try {
    const looks = Object.entries(screens).map(async ([screen, viewport]) => {
      for (const colorScheme of ["light", "dark"]) await checkPages(browser, url, { screen, viewport, colorScheme });
    });
    await Promise.all(looks);
    await inPage(browser, { viewport: screens.phone }, (page) => checkSearch(page, url));
    await inPage(browser, { viewport: screens.wide }, (page) => checkApp(page, url));
  } finally {
    await browser.close();
    close();
  }
}

/** Opens one page of each kind on one screen. */
async function checkPages(browser, url, { screen, viewport, colorScheme }) {
  await inPage(browser, { viewport, colorScheme, reducedMotion: "reduce" }, async (page, problems) => {
    for (const [kind, path] of Object.entries(kinds))
      await step(`${kind}, ${screen}, ${colorScheme}`, async () => {
        problems.length = 0;
        await page.goto(`${url}${path}`, { waitUntil: "networkidle" });
        await page.screenshot({ path: join(shots, `${kind}-${screen}-${colorScheme}.png`) });
        const sideways = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        if (sideways > 0) problems.push(`it scrolls sideways by ${sideways} pixels`);
        problems.push(...(await violations(page)));
        if (problems.length > 0) throw new Error(problems.join("\n"));
      });
  });
}

/** What axe finds on a page: one line for each rule and place. */
async function violations(page) {
  await page.addScriptTag({ path: createRequire(import.meta.url).resolve("axe-core") });
  const found = await page.evaluate(async () => (await window.axe.run()).violations);
  return found.flatMap(({ id, help, nodes }) =>
    nodes.slice(0, 4).map(({ target, failureSummary }) => `axe ${id}: ${help}: ${target.join(" ")}: ${failureSummary}`),
  );
}

/** The dialog of the search is the theme's own, so axe does not judge it. */
async function checkSearch(page, url) {
  for (const [words, wanted] of [
    ["threshold", /PPT|settings|calibrate|faster/i],
    ["createOnnxBackend", /createOnnxBackend/],
    ["BACKEND_UNAVAILABLE", /troubleshooting/i],
  ])
    await step(`search for ${words}`, async () => {
      await page.goto(url, { waitUntil: "networkidle" });
      await page.click("#local-search button");
      await page.fill("#localsearch-input", words);
      const first = page.locator(".VPLocalSearchBox .result").first();
      await first.waitFor();
      const titles = await page.locator(".VPLocalSearchBox .result .titles").allTextContents();
      if (!titles.slice(0, 8).some((title) => wanted.test(title)))
        throw new Error(`it found ${JSON.stringify(titles)}`);
      await page.screenshot({ path: join(shots, `search-${words}.png`) });
      await page.keyboard.press("Enter");
      await page.waitForURL((address) => address.pathname !== new URL(url).pathname);
    });
}

async function checkApp(page, url) {
  await step("the app, from the site", async () => {
    await page.goto(url, { waitUntil: "networkidle" });
    await page.click(".home-actions a[href$='/app/']");
    await page.waitForURL(`${url}app/`);
    await page
      .getByRole("heading", { name: /ppt-vit/i })
      .first()
      .waitFor();
    await page.screenshot({ path: join(shots, "app.png") });
  });
}

/** Runs `use` in a new page. Problems are collected: errors, failed requests, and requests to other hosts. */
async function inPage(browser, settings, use) {
  const context = await browser.newContext(settings);
  const page = await context.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(`error: ${error.message}`));
  page.on("console", (message) => message.type() === "error" && problems.push(`console: ${message.text()}`));
  page.on("response", (answer) => answer.status() >= 400 && problems.push(`${answer.status()}: ${answer.url()}`));
  page.on("request", (request) => {
    const { hostname, protocol } = new URL(request.url());
    if (protocol.startsWith("http") && hostname !== "127.0.0.1") problems.push(`asks another host: ${request.url()}`);
  });
  await use(page, problems);
  await context.close();
}

/** Counts one step and prints how it went. `act` may resolve with a note. */
async function step(name, act) {
  const start = performance.now();
  try {
    const note = await act();
    total.passed++;
    console.log(`ok      ${name} (${note ? `${note}, ` : ""}${seconds(start)})`);
  } catch (error) {
    total.failed++;
    console.log(`FAILED  ${name} (${seconds(start)})\n${error.message}`);
  }
}

async function must(command, args, { cwd = root, env = {} } = {}) {
  const { code, output } = await run(command, args, { cwd, env });
  if (code !== 0) throw new Error(output);
}
