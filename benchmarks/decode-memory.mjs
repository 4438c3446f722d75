/**
 * How much memory a batch of the largest pictures takes: `node benchmarks/decode-memory.mjs [CHECKOUT]`. Makes 16 JPEG files of
 * 8000 x 8000 pixels, classifies them with the demo model in batches of 8, and prints the peak of the process and the time.
 * With the path of another checkout of this repository, that one is measured, in the same way.
 */
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { root, run } from "../scripts/workspace.mjs";

const [size, count, batch] = [8000, 16, 8];
const [checkout = root, folder, pictures] = process.argv.slice(2);

if (folder === undefined) {
  // The measured process makes no pictures: that takes memory, too.
  const made = mkdtempSync(join(tmpdir(), "ppt-vit-memory-"));
  try {
    const { default: sharp } = await import("sharp");
    const create = { width: size, height: size, channels: 3, background: "grey" };
    const noise = { type: "gaussian", mean: 128, sigma: 20 };
    const files = Array.from({ length: count }, (_, i) => join(made, `${i}.jpg`));
    await sharp({ create: { ...create, noise }, limitInputPixels: false })
      .jpeg({ quality: 80 })
      .toFile(files[0]);
    for (const file of files.slice(1)) copyFileSync(files[0], file);
    const { output } = await run(process.execPath, [import.meta.filename, resolve(checkout), made, files.join(",")]);
    process.stdout.write(output);
  } finally {
    rmSync(made, { recursive: true });
  }
} else {
  const { fromPretrained } = await import(pathToFileURL(join(checkout, "packages/pipeline/dist/index.js")).href);
  const classifier = await fromPretrained("demo");
  const start = performance.now();
  let results = 0;
  for await (const result of classifier.classifyAll(pictures.split(","), { batch })) if (result.labels) results++;
  const seconds = ((performance.now() - start) / 1e3).toFixed(1);
  const peak = Math.round(process.resourceUsage().maxRSS / 1024);
  console.log(`${results} pictures of ${size} x ${size}, batch ${batch}: ${peak} MiB at most, ${seconds} s`);
  await classifier.dispose();
}
