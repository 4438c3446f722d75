/** Tests `ppt-vit visualize` as a real process. */
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { automatic, cat, dog, noModel, runPptVit, temporaryFolder } from "./built.js";

const home = temporaryFolder("visualize");

const visualize = (...args: string[]) => runPptVit(home, ["visualize", ...args]);

describe("a figure", () => {
  test("is a PNG sheet with one row a picture", async () => {
    const { code, stdout, stderr } = await visualize(dog, cat, "--panel", "112", "--scale", "1");
    expect({ code, stderr }).toEqual({ code: 0, stderr: noModel + automatic });
    expect(stdout).toBe("wrote tokens.png: 2 pictures, tokens 197 -> 147 -> 97 -> 49\n");
    const { format, width, height } = await sharp(join(home, "tokens.png")).metadata();
    // Four columns of 150 with gaps of 12, and two rows of 112 with their captions.
    expect({ format, width, height }).toEqual({ format: "png", width: 676, height: 400 });
  });

  test("says what each stage did, as classify does", async () => {
    expect((await visualize(dog, "--out", "dog.svg", "--scores")).code).toBe(0);
    const svg = readFileSync(join(home, "dog.svg"), "utf8");
    for (const caption of ["pool, 197 → 147 tokens", "prune, 147 → 97 tokens", "pool, 97 → 49 tokens"])
      expect(svg).toContain(caption);
    expect(svg).toContain("variance 3.61e-4");
    expect(svg).toContain("scores in block 9");
    expect(svg).toContain("dog, 91.9 %");
  });

  test("shows other policies on the same footing", async () => {
    const args = ["--policy", "evit", "--tokens-removed", "50", "--layers", "3"];
    expect((await visualize(dog, "--out", "evit.svg", ...args)).code).toBe(0);
    const svg = readFileSync(join(home, "evit.svg"), "utf8");
    expect(svg).toContain("fuse, 197 → 147 tokens");
    // All fused tokens are one token: one group, and nothing dark.
    expect(svg.match(/<path d="[^"]+" fill="#[0-9a-f]{6}"\/>/g)).toHaveLength(1);
    expect(svg).not.toContain('fill="#0b0d12" fill-opacity="0.88" fill-rule="evenodd"');
  });

  test("after any number of stages, of a hostile name, beside pictures that cannot be read", async () => {
    const hostile = join(home, "<script>alert(1)<&'\u202egnp.png");
    cpSync(dog, hostile);
    writeFileSync(join(home, "broken.png"), "no picture");
    const args = ["--layers", "1,2,4,5,8", "--tokens-removed", "30", "--batch", "3"];
    const { code, stderr } = await visualize(hostile, "broken.png", cat, "-o", "page.html", ...args);
    expect(code).toBe(1);
    expect(stderr).toContain("broken.png: ");
    const page = readFileSync(join(home, "page.html"), "utf8");
    expect(page).not.toContain("<script");
    expect(page).toContain("&lt;script&gt;alert(1)&lt;&amp;&#39;\ufffdgnp.png");
    expect(page.match(/after block 8<\/text>/g)).toHaveLength(2);
    expect(page).toContain("tokens 197 → 167 → 137 → 107 → 77 → 47");
  });
});

describe("a wrong call ends with code 2 and says what to do", () => {
  test.each([
    [[dog, "-o", "x.pdf"], "--out x.pdf: expected a name that ends with .png, .svg, .html"],
    [[dog, "--no-ppt"], "the unreduced model keeps every token: leave out --no-ppt"],
    [
      [dog, "-o", "nowhere/x.svg"],
      "nowhere/x.svg: its folder does not exist: make it, or choose another --out (ENOENT) [WRITE_FAILED]",
    ],
    [[dog, "--panel", "3"], "expected a whole number of at least 16"],
    [[dog, "--scale", "300"], "expected a whole number of at least 1, at most 16"],
    [[dog, "--panel", "4000", "--scale", "16"], "take fewer, or write an HTML page"],
    [[], "missing required argument"],
  ])("%j", async (args, says) => {
    const { code, stdout, stderr } = await visualize(...args);
    expect(stderr).toContain(says);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });

  test("and with code 1 where no picture can be read", async () => {
    writeFileSync(join(home, "broken.png"), "no picture");
    const { code, stderr } = await visualize("broken.png", "missing.png", "-o", "none.svg");
    expect(code).toBe(1);
    expect(stderr).toContain("none of the pictures could be read, nothing is written");
  });
});
