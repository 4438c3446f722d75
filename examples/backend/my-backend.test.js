/** `npm test`: the suite that every backend passes, and a picture by the command line and by the library. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { conformanceCases, goldenUrl } from "@ppt-vit/conformance";
import { demoSamplesUrl } from "@ppt-vit/demo-model";
import { fromPretrained, registerBackend } from "@ppt-vit/pipeline";
import myBackend, { createMyBackend } from "./my-backend.js";

const folder = import.meta.dirname;
const picture = fileURLToPath(new URL("000_dog.png", demoSamplesUrl));

const cases = await conformanceCases({
  create: async () => createMyBackend(),
  reference: async () => createCpuBackend(),
  readGolden: (file) => readFile(new URL(file, goldenUrl)),
});
describe("conformance", () => {
  for (const { name, skip, run } of cases) it(name, { skip }, run);
});

it("is loaded by its path on the command line", async () => {
  const command = join(folder, "node_modules/@ppt-vit/cli/dist/main.js");
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [command, "classify", "--backend", "./my-backend.js", "--json", picture],
    { cwd: folder },
  );
  const { backend, images } = JSON.parse(stdout);
  assert.equal(backend, "my-backend");
  assert.equal(images[0].labels[0].label, "dog");
});

it("is known by its name once it is registered, and agrees with the plain CPU backend", async () => {
  registerBackend(myBackend);
  const labelsOn = async (backend) => {
    const classifier = await fromPretrained("demo", { backend });
    try {
      return (await classifier.classify(picture)).labels;
    } finally {
      await classifier.dispose();
    }
  };
  const [mine, expected] = [await labelsOn("my-backend"), await labelsOn("cpu")];
  assert.deepEqual(
    mine.map(({ label }) => label),
    expected.map(({ label }) => label),
  );
  for (const [i, { probability }] of mine.entries()) assert.ok(Math.abs(probability - expected[i].probability) < 1e-4);
});
