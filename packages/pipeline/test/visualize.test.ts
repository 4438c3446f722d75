/** Tests token pictures: of a picture whose kept, pruned and merged patches are known, and of real batches. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { RgbImage } from "@ppt-vit/core";
import { demoSamplesUrl } from "@ppt-vit/demo-model";
import {
  type Classification,
  fromPretrained,
  type ImageStage,
  isFailure,
  outlinePath,
  renderTokens,
  type TokenPicture,
  tokenPage,
  tokenPicture,
  tokenSheet,
} from "@ppt-vit/pipeline";
import sharp from "sharp";
import { describe, expect, it } from "vitest";

/** 4 x 4 patches of 8 pixels, each in a colour of its own. */
const patchColour = (patch: number) => [10 * patch, 255 - 10 * patch, 128];
const grid = [4, 4] as const;
const image: RgbImage = {
  width: 32,
  height: 32,
  data: Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => {
    const pixel = Math.floor(i / 3);
    const patch = 4 * Math.floor(pixel / 32 / 8) + Math.floor((pixel % 32) / 8);
    return patchColour(patch)[i % 3]!;
  }),
};

/**
 * The 16 patches after block 1, with one special token in front: patches 0, 1 and 4 share token 1. Patches 10 and 15, which
 * touch at a corner, share token 2. Patches 3, 7 and 13 are pruned. The others have a token each.
 */
const firstMap = [1, 1, 3, -1, 1, 4, 5, -1, 6, 7, 2, 8, 9, -1, 10, 2];
/** After block 2 only one token of them is left. */
const secondMap = [1, 1, -1, -1, 1, -1, -1, -1, -1, -1, 1, -1, -1, -1, -1, 1];
const stages: ImageStage[] = [
  {
    layer: 1,
    tokensIn: 17,
    tokensOut: 11,
    policy: "pool",
    variance: 2.5e-4,
    tokenOfPatch: Int32Array.from(firstMap),
    scores: Float32Array.from({ length: 16 }, (_, token) => (token === 6 ? 0.25 : 0.05)),
  },
  {
    layer: 2,
    tokensIn: 11,
    tokensOut: 2,
    policy: "prune",
    variance: 1.5e-3,
    tokenOfPatch: Int32Array.from(secondMap),
    scores: Float32Array.from({ length: 10 }, (_, token) => (token === 0 ? 1 : 0)),
  },
];

const synthetic = () => tokenPicture("synthetic.png", { image, stages, labels: [] }, grid);

/** A panel's content in the SVG, found by its title. */
function panel(svg: string, title: string): string {
  const found = svg.split("<g><title>").find((part) => part.startsWith(`${title}</title>`));
  expect(found, title).toBeDefined();
  return found!;
}

describe("outlines", () => {
  const size = [40, 40] as const;
  it.each([
    ["one patch", [5], "M20 10V20H10V10Z"],
    ["an L", [0, 1, 4], "M20 0V10H10V20H0V0Z"],
    ["two patches that touch at a corner", [0, 5], "M10 0V10H0V0ZM20 10V20H10V10Z"],
    ["a ring around a hole", [0, 1, 2, 4, 6, 8, 9, 10], "M30 0V30H0V0ZM10 10V20H20V10Z"],
    ["the whole picture, through its borders", [...Array(16).keys()], "M40 0V40H0V0Z"],
  ])("of %s", (_, patches, path) => {
    expect(outlinePath(patches, grid, size)).toBe(path);
  });

  it("move inwards, into the group at every corner", () => {
    expect(outlinePath([0, 1, 4], grid, size, 1)).toBe("M19 1V9H9V19H1V1Z");
    // The outline of a hole moves away from the hole, which is into the group.
    expect(outlinePath([0, 1, 2, 4, 6, 8, 9, 10], grid, size, 1)).toBe("M29 1V29H1V1ZM9 9V21H21V9Z");
    // The last patch of a row and the first of the next are not neighbours.
    expect(outlinePath([3, 4], grid, size)).toBe("M40 0V10H30V0ZM10 10V20H0V10Z");
  });
});

describe("a sheet", () => {
  it("has the known groups and no others, by path and mean colour", async () => {
    const svg = tokenSheet([await synthetic()], { panelWidth: 32 });
    const first = panel(svg, "synthetic.png: after block 1");
    const fills = [...first.matchAll(/<path d="([^"]+)" fill="(#[0-9a-f]{6})"\/>/g)].map(([, d, fill]) => [d, fill]);
    // Means of patches 0, 1, 4 and of 10, 15: (17, 238, 128) and (125, 130, 128).
    expect(fills).toEqual([
      [outlinePath([0, 1, 4], grid, [32, 32]), "#11ee80"],
      [outlinePath([10, 15], grid, [32, 32]), "#7d8280"],
    ]);
    expect(first).toContain(`<path d="${outlinePath([3, 7, 13], grid, [32, 32])}" fill="#0b0d12"`);
    expect(first).toContain("pool, 17 → 11 tokens");
    expect(first).toContain("variance 2.50e-4");
    const second = panel(svg, "synthetic.png: after block 2");
    expect(second).toContain("prune, 11 → 2 tokens");
    expect(second).toContain(`<path d="${outlinePath([0, 1, 4, 10, 15], grid, [32, 32])}"`);
  });

  it("shows these pixels", async () => {
    const png = await renderTokens([await synthetic()], "png", { panelWidth: 320, scale: 1 });
    const { data, info } = await sharp(png).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    const middleOf = (column: number, patch: number) => {
      const x = 20 + column * 332 + 80 * (patch % 4) + 40;
      const y = 46 + 80 * Math.floor(patch / 4) + 40;
      return [...data.subarray(3 * (y * info.width + x), 3 * (y * info.width + x) + 3)];
    };
    const near = (seen: number[], expected: number[]) => {
      for (const [i, channel] of seen.entries()) expect(Math.abs(channel - expected[i]!)).toBeLessThanOrEqual(2);
    };
    const dark = (patch: number) => patchColour(patch).map((channel, i) => 0.12 * channel + 0.88 * [11, 13, 18][i]!);
    for (let patch = 0; patch < 16; patch++) {
      near(middleOf(0, patch), patchColour(patch));
      const [first, second] = [firstMap[patch]!, secondMap[patch]!];
      if (first === 1) near(middleOf(1, patch), [0x11, 0xee, 0x80]);
      else if (first === 2) near(middleOf(1, patch), [0x7d, 0x82, 0x80]);
      else near(middleOf(1, patch), first < 0 ? dark(patch) : patchColour(patch));
      // The mean of all five patches.
      near(middleOf(2, patch), second < 0 ? dark(patch) : [60, 195, 128]);
    }
  });

  it("shows scores from none to the highest, in the tokens that entered", async () => {
    const svg = tokenSheet([await synthetic()], { panelWidth: 32, scores: true });
    const first = panel(svg, "synthetic.png: scores in block 1");
    expect(first.match(/<path d=/g)).toHaveLength(16);
    // Viridis ends in yellow.
    expect(first).toContain(`<path d="${outlinePath([6], grid, [32, 32])}" fill="#fde725"/>`);
    expect(first).toContain("highest 4.0 x the mean");
    const second = panel(svg, "synthetic.png: scores in block 2");
    expect(second).toContain(`<path d="${outlinePath([0, 1, 4], grid, [32, 32])}" fill="#fde725"/>`);
    expect(second).toContain(`<path d="${outlinePath([10, 15], grid, [32, 32])}" fill="#440154"/>`);
    expect(second).toContain(`<path d="${outlinePath([3, 7, 13], grid, [32, 32])}" fill="#0b0d12"`);
  });

  it("of no stages shows the picture alone", async () => {
    const svg = tokenSheet([await tokenPicture("whole.png", { image, stages: [] }, grid)]);
    expect(svg.match(/<g><title>/g)).toHaveLength(1);
  });

  it.each([
    ["no pictures", (): TokenPicture[] => [], {}, "there is no picture to draw"],
    [
      "no maps",
      (picture: TokenPicture) => [{ ...picture, stages: [{ ...stages[0]!, tokenOfPatch: undefined as never }] }],
      {},
      "no token map: load the model with trace: true",
    ],
    ["another grid", (picture: TokenPicture) => [{ ...picture, patches: [2, 4] as const }], {}, "16 patches for 2 x 4"],
  ])("refuses %s", async (_, pictures, options, message) => {
    const picture = await synthetic();
    expect(() => tokenSheet(pictures(picture), options)).toThrow(
      expect.objectContaining({ code: "INVALID_INPUT", message: expect.stringContaining(message) }),
    );
  });

  it("refuses results without a trace, and PNG files that no viewer opens", async () => {
    const invalid = (message: string) =>
      expect.objectContaining({ code: "INVALID_INPUT", message: expect.stringContaining(message) });
    await expect(tokenPicture("x.png", { stages }, grid)).rejects.toThrow(invalid("load the model with trace: true"));
    const many = Array<TokenPicture>(2000).fill(await synthetic());
    await expect(renderTokens(many, "png")).rejects.toThrow(invalid("take fewer, or write an HTML page"));
  });
});

describe("names of files", () => {
  const hostile = `"><script>alert(1)</script>&'\u0000\u001b[31m\n\ud800\u202egnp.exe]]>`;

  it("stay text, whatever they are", async () => {
    const picture = await tokenPicture(
      hostile,
      { image, stages, labels: [{ label: hostile, index: 0, logit: 1, probability: 1 }] },
      grid,
    );
    for (const markup of [
      tokenSheet([picture], { scores: true, panelWidth: 900 }),
      tokenPage([picture], { title: hostile, about: hostile, panelWidth: 900 }),
    ]) {
      expect(markup).not.toContain("<script");
      expect(markup).not.toMatch(/[^\n\P{Cc}]|[\p{Cs}\u202e]/u);
      expect(markup).toContain(
        "&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;&#39;\ufffd\ufffd[31m\ufffd\ufffd\ufffdgnp.exe",
      );
    }
    // An XML parser accepts it.
    const png = await renderTokens([picture], "png", { scale: 1 });
    expect((await sharp(png).metadata()).format).toBe("png");
  });

  it("lose their middle where they are too long, and keep it in the title", async () => {
    const name = `${"long-".repeat(40)}name.png`;
    const svg = tokenSheet([await tokenPicture(name, { image, stages }, grid)]);
    expect(svg).toContain(`<title>${name}</title>`);
    expect(svg).toMatch(/>long-long-[-a-z]*…[-a-z]*name\.png<\/text>/);
  });
});

describe("a page", () => {
  it("stands alone, and every drawing has ids of its own", async () => {
    const page = tokenPage([await synthetic(), await synthetic()]);
    expect(page).not.toMatch(/<script|<link|https?:(?!\/\/www\.w3\.org\/2000\/svg)/);
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(2);
    for (const [, used] of page.matchAll(/href="#([^"]+)"/g)) expect(ids).toContain(used);
  });
});

describe("pictures of a mixed batch", () => {
  it("each have their own tokens, as alone", async () => {
    const files = ["000_dog.png", "001_cat.png", "016_apple.png"].map((name) =>
      fileURLToPath(new URL(name, demoSamplesUrl)),
    );
    // One of them cannot be read, and another is given as bytes.
    const inputs = [files[0]!, new Uint8Array([1, 2, 3]), readFileSync(files[1]!), files[2]!];
    const classifier = await fromPretrained("demo", { trace: true });
    const draw = async (results: readonly Classification[]) =>
      Promise.all(
        results.map(async (result, i) =>
          tokenSheet([await tokenPicture(`${i}`, result, classifier.patches)], { scores: true }),
        ),
      );
    const together: Classification[] = [];
    for await (const result of classifier.classifyAll(inputs, { batch: 4 }))
      if (!isFailure(result)) together.push(result);
    const alone: Classification[] = [];
    for (const file of files) alone.push(await classifier.classify(file));
    await classifier.dispose();
    expect(new Set(together.map(({ stages }) => stages.map(({ policy }) => policy).join())).size).toBeGreaterThan(1);
    expect(await draw(together)).toEqual(await draw(alone));
  });
});
