/**
 * Picture files to labels: this project's pipeline against transformers.js's own on a plain export of the same weights.
 * `pnpm bench:files [--model deit-s] [--batch 8] [--threads 2] [--rounds 10] [--plain FILE.onnx] [--out FILE]`
 *
 * The pictures are JPEG files of 500 x 375 pixels, ImageNet's most common size, made from the demo model's samples.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { pauseMs, speedup, startCells, takeTurns } from "./contest.mjs";
import { environment, median } from "./environment.mjs";
import { huggingFaceConfig, randomCheckpoint } from "./geometries.mjs";
import { tracePlain } from "./onnx-contenders.mjs";

const { values: flags } = parseArgs({
  options: {
    model: { type: "string", default: "deit-s" },
    batch: { type: "string", default: "8" },
    threads: { type: "string", default: "2" },
    rounds: { type: "string", default: "10" },
    plain: { type: "string" },
    out: { type: "string" },
  },
});
const settings = { model: flags.model, batch: Number(flags.batch), threads: Number(flags.threads) };
const rounds = Number(flags.rounds);
const warmUpRounds = 1;
const picturesPerTurn = 32;
const names = ["transformers.js, plain export", "unreduced", "ppt"];

const preprocessor = {
  do_resize: true,
  size: { height: 224, width: 224 },
  resample: 2,
  do_rescale: true,
  rescale_factor: 1 / 255,
  do_normalize: true,
  image_mean: [0.5, 0.5, 0.5],
  image_std: [0.5, 0.5, 0.5],
  image_processor_type: "ViTImageProcessor",
};

/** JPEG files of ImageNet's most common size. */
async function makePictures(folder) {
  const pipeline = createRequire(new URL("../packages/pipeline/package.json", import.meta.url));
  const sharp = pipeline("sharp");
  const samples = fileURLToPath(new URL("../packages/demo-model/samples/", import.meta.url));
  const files = readdirSync(samples);
  const made = [];
  for (let i = 0; i < picturesPerTurn; i++) {
    const path = join(folder, `${i}.jpg`);
    await sharp(join(samples, files[i % files.length]))
      .resize(500, 375, { fit: "fill" })
      .jpeg({ quality: 90 })
      .toFile(path);
    made.push(path);
  }
  return made;
}

const folder = mkdtempSync(join(tmpdir(), "ppt-files-"));
try {
  const pictures = await makePictures(folder);
  for (const name of ["plain", "plain/onnx", "checkpoint"]) mkdirSync(join(folder, name));
  for (const name of ["plain", "checkpoint"]) {
    writeFileSync(join(folder, name, "config.json"), JSON.stringify(huggingFaceConfig(settings.model)));
    writeFileSync(join(folder, name, "preprocessor_config.json"), JSON.stringify(preprocessor));
  }
  writeFileSync(join(folder, "checkpoint/model.safetensors"), randomCheckpoint(settings.model));
  const plain = flags.plain ? readFileSync(flags.plain) : tracePlain(settings.model);
  writeFileSync(join(folder, "plain/onnx/model.onnx"), plain);

  const cells = await startCells("files-cell.mjs", names, { ...settings, folder, pictures });
  await takeTurns(cells, { rounds, warmUpRounds }, (cell) => cell.ask("turn"));
  const reference = cells[0].turns;
  const results = [];
  for (const { contender, ask, loaded, turns } of cells) {
    const { peakMemoryBytes } = await ask("finish");
    results.push({
      contender,
      ...loaded,
      imagesPerSecond: (1000 * picturesPerTurn) / median(turns),
      speedupOverTransformersJs: speedup(reference, turns),
      speedupOverUnreduced: speedup(cells[1].turns, turns),
      peakMemoryBytes,
    });
  }
  const document = {
    benchmark: "files-to-labels",
    ...environment(),
    settings: { ...settings, rounds, warmUpRounds, pauseMs, pictures: `${picturesPerTurn} JPEG files of 500 x 375` },
    results,
  };
  console.table(
    results.map((result) => ({
      contender: result.contender,
      "images/s": result.imagesPerSecond.toFixed(1),
      "x transformers.js": result.speedupOverTransformersJs.toFixed(2),
      "x unreduced": result.speedupOverUnreduced.toFixed(2),
      "load ms": result.loadMs.toFixed(0),
      "peak MB": (result.peakMemoryBytes / 1e6).toFixed(0),
    })),
  );
  if (flags.out) writeFileSync(flags.out, `${JSON.stringify(document, null, 2)}\n`);
} finally {
  rmSync(folder, { recursive: true });
}
