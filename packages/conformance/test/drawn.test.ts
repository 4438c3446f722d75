/** Tests that the drawn tensors of the golden families equal the stored ones bit for bit. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type DrawnTensors, drawTensors } from "../src/drawn.js";
import { goldenUrl } from "../src/index.js";

const folder = new URL("families/", goldenUrl);
const files = readdirSync(folder).filter((file) => file.endsWith(".drawn.json"));

test.each(files)("%s gives the values that the golden results were computed from", (file) => {
  const drawn: DrawnTensors = JSON.parse(readFileSync(new URL(file, folder), "utf8"));
  const hash = createHash("sha256");
  for (const { data } of Object.values(drawTensors(drawn))) hash.update(data);
  expect(hash.digest("hex")).toBe(drawn.sha256);
});

test("lists every drawn file", () => {
  expect(files).toHaveLength(4);
});
