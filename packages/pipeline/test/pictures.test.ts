/** Tests picture files that readers often get wrong against Pillow's pixels (`fixtures/make-pictures.py`). */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { decodeImage } from "@ppt-vit/pipeline";
import { describe, expect, it } from "vitest";

const at = (name: string) => fileURLToPath(new URL(`../fixtures/pictures/${name}`, import.meta.url));

interface Expectation {
  readonly width: number;
  readonly height: number;
  readonly firstFrame?: true;
  readonly rgbSha256?: string;
  /** Allowed difference of a value from the PNG `pixels`, in steps of 255, if decoders may round differently. */
  readonly tolerance?: number;
  readonly pixels?: string;
}

const pictures: [string, Expectation][] = Object.entries(JSON.parse(readFileSync(at("expected.json"), "utf8")));

describe("decodeImage gives Pillow's pixels", () => {
  it.each(pictures)("%s", async (name, { width, height, firstFrame = false, rgbSha256, tolerance, pixels }) => {
    const { data, ...size } = await decodeImage(at(name), { firstFrame });
    expect(size).toEqual({ width, height });
    if (rgbSha256) return expect(createHash("sha256").update(data).digest("hex")).toBe(rgbSha256);
    const wanted = await decodeImage(at(pixels!));
    const differences = Array.from(data, (value, i) => Math.abs(value - wanted.data[i]!));
    expect(differences.reduce((a, b) => Math.max(a, b))).toBeLessThanOrEqual(tolerance!);
  });

  it.each(pictures.filter(([, { firstFrame }]) => firstFrame))(
    "%s only where the first frame is wanted",
    async (name) => {
      await expect(decodeImage(at(name))).rejects.toMatchObject({ code: "INVALID_IMAGE" });
    },
  );
});
