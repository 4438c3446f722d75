/** Tests the accessibility of the built benchmark page in a real browser: contrast, names, layout, and the keyboard. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { contrastProblems, movements, unlabelledControls } from "./browser/bench-access.js";
import { open, shots, statusOf, testNothingComplained, tiny, useBenchPage } from "./browser/bench-page.js";
import { browserPath } from "./browser/serve.js";

/** The object that `axe-core` adds to a page. */
interface PageWithAxe {
  readonly axe: { run(context: string, options: object): Promise<AxeResults> };
}
const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// scripts/check.mjs reports when these tests are skipped. In CI a missing browser is a failure there.
describe.skipIf(!browserPath)("access to the benchmark page", () => {
  useBenchPage();

  /** Violations of WCAG 2.2, levels A and AA, that axe finds. */
  async function axeViolations(page: Page): Promise<string[]> {
    await page.evaluate(axeSource);
    const { violations, passes } = await page.evaluate(() =>
      (globalThis as never as PageWithAxe).axe.run("html", {
        runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
      }),
    );
    expect(passes.length).toBeGreaterThan(20);
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join(", ")}`);
  }

  test.each([
    ["phone", 360, 740],
    ["wide", 1360, 900],
  ] as const)("looks finished and reads well: %s", async (name, width, height) => {
    const page = await open("?backends=onnx-wasm,tfjs-wasm&runs=3", { viewport: { width, height } });
    await statusOf(page, "view-status", /^dog: dog, .* unreduced/);
    await page.click("#tab-bench");
    await page.click("#bench-start");
    await statusOf(page, "bench-status", /^Done: 4/);
    // Both schemes of colours, and every part of the page, at one of the sizes at least.
    const dark = name === "wide" ? ["bench", "learn"] : ["tokens", "policies"];
    for (const tab of ["bench", "learn", "policies", "camera", "tokens"]) {
      const colorScheme = dark.includes(tab) ? "dark" : "light";
      await page.emulateMedia({ colorScheme });
      await page.click(`#tab-${tab}`);
      if (tab === "policies") await page.locator(".policy-card:not(.stale)").first().waitFor();
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
      // The window shows the whole page, because parts out of sight may not be painted yet.
      await page.setViewportSize({ width, height: await page.evaluate(() => document.documentElement.scrollHeight) });
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
      await page.screenshot({ path: join(shots, `${tab}-${name}-${colorScheme}.png`) });
      await page.setViewportSize({ width, height });
      expect(await page.evaluate(contrastProblems)).toEqual([]);
      expect(await axeViolations(page)).toEqual([]);
    }
    expect(await page.evaluate(unlabelledControls)).toEqual([]);
    // A zoom of 200 % halves the page, as its style sheets see it. Nothing may need scrolling to the side.
    if (name === "wide")
      for (const tab of ["bench", "learn", "policies", "camera", "tokens"]) {
        await page.setViewportSize({ width: width / 2, height: height / 2 });
        await page.click(`#tab-${tab}`);
        expect(await page.evaluate(() => document.documentElement.scrollWidth), tab).toBe(width / 2);
      }
    // With less motion wanted, nothing moves: a message only passes, and no transition is left.
    await page.emulateMedia({ reducedMotion: "reduce" });
    expect(await page.evaluate(movements)).toEqual([]);
    await page.emulateMedia({ reducedMotion: "no-preference" });
    expect(await page.evaluate(movements)).not.toEqual([]);

    // The checks do find faults.
    await page.evaluate(() => {
      document.querySelector("main")!.insertAdjacentHTML("beforeend", "<p id='pale'>pale</p><button></button>");
      document.getElementById("pale")!.style.color = "var(--line)";
    });
    expect(await page.evaluate(contrastProblems)).toEqual([expect.stringMatching(/: pale$/)]);
    expect(await page.evaluate(unlabelledControls)).toContainEqual(expect.stringMatching(/^no name: <button>/));
    expect(await axeViolations(page)).toContainEqual(expect.stringMatching(/^button-name: /));
    await page.close();
  });

  test("the keyboard reaches every control, and shows where it is", async () => {
    const page = await open("?backend=cpu");
    await page.locator("#folder").setInputFiles(tiny);
    await statusOf(page, "view-status", /^dog: \w+, [\d.]+ % unreduced/);
    await page.click("#expert summary");
    await page.evaluate(() => (document.activeElement as HTMLElement).blur());
    const controls = "main :is(button, input, select):enabled:not([hidden], [hidden] *)";
    const wanted = await page.locator(controls).evaluateAll((all) => all.length);
    const reached = new Set<string>();
    // The tabs, the fold and the large picture take the focus, too.
    for (let i = 0; i < wanted + 6; i++) {
      await page.keyboard.press("Tab");
      const focus = await page.evaluate((controls) => {
        const here = document.activeElement!;
        // After the last one the browser's own controls come, and then the first one.
        if (here === document.body) return undefined;
        const shown = here.matches(".covered") ? document.querySelector(`label[for="${here.id}"]`)! : here;
        const place = here.id || here.getAttribute("aria-label") || here.textContent || here.tagName;
        return { place, counts: here.matches(controls), outline: getComputedStyle(shown).outlineStyle };
      }, controls);
      if (!focus) continue;
      if (focus.counts) reached.add(focus.place);
      expect(focus, focus.place).toMatchObject({ outline: "solid" });
    }
    expect(reached.size).toBe(wanted);

    // The keyboard operates the controls: a picture, a policy, a whole benchmark and its end.
    await page.getByRole("button", { name: "cat" }).focus();
    await page.keyboard.press("Enter");
    await statusOf(page, "view-status", /^cat: \w+, [\d.]+ % unreduced, .* with PPT/);
    await page.focus("#policy");
    await page.keyboard.press("ArrowDown");
    await statusOf(page, "view-status", /^cat: .* with Prune only/);
    await page.focus("#tab-tokens");
    for (let i = 0; i < 3; i++) await page.keyboard.press("ArrowRight");
    expect(await page.evaluate(() => document.activeElement!.id)).toBe("tab-bench");
    await page.focus("#bench-backends-onnx-wasm");
    await page.keyboard.press("Space");
    await page.focus("#runs");
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.type("1000");
    await page.focus("#bench-start");
    await page.keyboard.press("Enter");
    await statusOf(page, "bench-now", /: run /);
    // The focus has moved to where it is needed next, and moves back.
    expect(await page.evaluate(() => document.activeElement!.id)).toBe("bench-cancel");
    await page.keyboard.press("Enter");
    await statusOf(page, "bench-status", /^Cancelled: \d+ measured, 0 failed, /);
    expect(await page.evaluate(() => document.activeElement!.id)).toBe("bench-start");
    await page.close();
  });

  testNothingComplained();
});
