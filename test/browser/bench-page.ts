/** The built benchmark page in a real browser: one host, browser and tiny model for a file of tests. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page, ViewportSize } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { root } from "../../scripts/workspace.mjs";
import { samples } from "../built.js";
import { writeTinyModel } from "./bench-model.js";
import { type Host, host, parseHeadersFile } from "./bench-serve.js";
import { launchBrowser } from "./serve.js";

/** Room for GPUs that a busy processor emulates: to compile a model's shaders takes it up to a minute. */
export const emulatedMs = 200_000;

const wide: ViewportSize = { width: 1360, height: 900 };

interface OpenOptions {
  readonly viewport?: ViewportSize;
  readonly url?: string;
  /** Runs before anything of the page does. */
  readonly prepare?: (page: Page) => Promise<unknown>;
}

export const dist = join(root, "apps/bench/dist");
/** What hosts are told to send, as the build writes it for two of them. */
const recipe = existsSync(join(dist, "_headers")) ? parseHeadersFile(readFileSync(join(dist, "_headers"), "utf8")) : {};
/** Looked at by people; git ignores it. */
export const shots = join(root, "test-artifacts/bench");

export let served: Host;
export let browser: Browser;
export let tiny: string;
const problems: string[] = [];

/** To be called in the `describe` of the file: starts the host and the browser, and ends them. */
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

/** A page that notes what must not happen: errors in the console, and requests to other hosts. */
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
  await prepare?.(page);
  await page.goto(`${url}${query}`);
  return page;
}

export const statusOf = (page: Page, id: string, pattern: RegExp) =>
  page.waitForFunction(
    ([id, source]) => new RegExp(source!).test(document.getElementById(id!)?.textContent ?? ""),
    [id, pattern.source],
    { timeout: emulatedMs },
  );

export const messages = (page: Page) => page.locator("#messages .message p").allTextContents();

/** Puts files on the page as a drop of the mouse does. */
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
