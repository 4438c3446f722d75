/** The built benchmark page in a real browser, with one host, browser and tiny model for each test file. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page, ViewportSize } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { root } from "../../scripts/workspace.mjs";
import { samples } from "../built.js";
import { writeTinyModel } from "./bench-model.js";
import { followHeadersFile, type Host, host } from "./bench-serve.js";
import { launchBrowser } from "./serve.js";

/** Time for GPUs that a busy processor emulates. Compiling a model's shaders may take a minute. */
export const emulatedMs = 200_000;

const wide: ViewportSize = { width: 1360, height: 900 };

interface OpenOptions {
  readonly viewport?: ViewportSize;
  readonly url?: string;
  /** Runs before any of the page's own code. */
  readonly prepare?: (page: Page) => Promise<unknown>;
}

export const dist = join(root, "apps/bench/dist");
/** The headers for hosts, as the build writes them for two of them. */
const recipe = followHeadersFile(
  existsSync(join(dist, "_headers")) ? readFileSync(join(dist, "_headers"), "utf8") : "",
);
/** Screenshots for people to look at. git ignores them. */
export const shots = join(root, "test-artifacts/bench");

export let served: Host;
export let browser: Browser;
export let tiny: string;
const problems: string[] = [];

/** Starts the host and the browser, and ends them. Call it in the file's `describe`. */
export function useBenchPage(): void {
  beforeAll(async () => {
    if (!existsSync(join(dist, "index.html"))) throw new Error("apps/bench/dist is missing: run pnpm build first");
    mkdirSync(shots, { recursive: true });
    tiny = mkdtempSync(join(tmpdir(), "ppt-vit-tiny-"));
    writeTinyModel(tiny);
    served = await host({ "": dist }, {}, recipe);
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    served?.server.close();
    rmSync(tiny, { recursive: true, force: true });
  });
}

/** The last test of the file. */
export function testNothingComplained(): void {
  test("nothing was missing, nothing complained, and nothing asked another host", () => {
    expect(served.missing).toEqual([]);
    expect(problems).toEqual([]);
  });
}

/** A page that records what must not happen: errors in the console, and requests to other hosts. */
export async function open(
  query = "",
  { viewport = wide, url = served.url, prepare }: OpenOptions = {},
): Promise<Page> {
  const page = await browser.newPage({ viewport });
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(message.text());
  });
  page.on("pageerror", (error) => problems.push(String(error)));
  page.context().on("request", (request) => {
    const asked = request.url();
    if (!asked.startsWith(url) && !/^(blob|data):/.test(asked)) problems.push(`asked ${asked}`);
  });
  await page.addInitScript(keepMessages);
  await prepare?.(page);
  await page.goto(`${url}${query}`);
  return page;
}

/** Messages of the page pass by themselves. Here they wait, so that none escapes a test. */
function keepMessages(): void {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(".message { animation-play-state: paused !important }");
  addEventListener("DOMContentLoaded", () => document.adoptedStyleSheets.push(sheet));
}

/** Lets the time pass that a message is shown for. */
export const passMessages = (page: Page) =>
  page.evaluate(() => {
    for (const message of document.querySelectorAll(".message"))
      for (const animation of message.getAnimations()) animation.finish();
  });

export const statusOf = (page: Page, id: string, pattern: RegExp) =>
  page.waitForFunction(
    ([id, source]) => new RegExp(source!).test(document.getElementById(id!)?.textContent ?? ""),
    [id, pattern.source],
    { timeout: emulatedMs },
  );

export const messages = (page: Page) => page.locator("#messages .message p").allTextContents();

/** Drops files on the page as the mouse would. */
export async function drop(page: Page, files: { name: string; type: string; bytes: Uint8Array }[]): Promise<void> {
  const transfer = await page.evaluateHandle(
    (all) => {
      const data = new DataTransfer();
      for (const { name, type, base64 } of all) {
        const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
        data.items.add(new File([bytes], name, { type }));
      }
      return data;
    },
    files.map(({ name, type, bytes }) => ({ name, type, base64: Buffer.from(bytes).toString("base64") })),
  );
  for (const event of ["dragenter", "dragover", "drop"])
    await page.dispatchEvent("body", event, { dataTransfer: transfer });
}

export const picture = (file: string) => ({
  name: file.replace(/^\d+_/, "my-"),
  type: "image/png",
  bytes: readFileSync(join(samples, file)),
});
