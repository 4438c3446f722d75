/** What the blocks of the documentation find around them: pictures, checkpoints, and a Hub on loopback. */
import { appendFileSync, cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import sharp from "sharp";
import { root } from "../workspace.mjs";

const demo = join(root, "packages", "demo-model");
const fixtures = join(root, "packages", "pipeline", "fixtures");

/** The demo model, which stands for every checkpoint that gives labels. */
export const demoModel = join(demo, "model");
/** What the model says about `photo.jpg`. */
export const photoLabel = "dog";

/**
 * Small checkpoints that stand for models by a word in their names, the first that fits: five of the tests, and the first blocks of the demo model, because
 * a calibration tries many settings. All other models are the demo model.
 */
const standIns = {
  ...{ siglip: "siglip", clip: "clip", dinov3: "dinov3", dino: "dinov2", depth: "depth" },
  "my-model": "shallow",
};

/** Copies the stand-ins to `home`, with settings of their own: they have too few blocks for the default ones. */
function makeStandIns(home) {
  const reduction = JSON.stringify({ layers: [1], tokensRemoved: 2, threshold: 7e-5 });
  for (const folder of Object.values(standIns)) {
    mkdirSync(join(home, folder), { recursive: true });
    writeFileSync(join(home, folder, "reduction.json"), reduction);
    const make = { shallow: makeShallow, depth: makeDepth, siglip: makeSiglip, dinov3: makeDinov3 }[folder];
    if (make) {
      make(join(home, folder));
      continue;
    }
    for (const file of ["config.json", "preprocessor_config.json", "model.safetensors"])
      cpSync(join(fixtures, folder, file), join(home, folder, file));
  }
}

/** Copies a checkpoint of the conformance suite. @returns its `config.json` */
function copyGolden(name, home) {
  const golden = join(root, "packages", "conformance", "golden", "modern", name);
  for (const file of ["config.json", "model.safetensors"]) cpSync(join(golden, file), join(home, file));
  return JSON.parse(readFileSync(join(golden, "config.json"), "utf8"));
}

/** Writes the DINOv3 of the conformance suite, at its own size. */
function makeDinov3(home) {
  const { image_size: size } = copyGolden("dinov3", home);
  const preprocessor = { image_processor_type: "DINOv3ViTImageProcessor", size: { height: size, width: size } };
  writeFileSync(join(home, "preprocessor_config.json"), JSON.stringify(preprocessor));
}

/** Writes the Depth Anything of the conformance suite, with the preprocessing of the pipeline's tests. */
function makeDepth(home) {
  copyGolden("depth-anything", home);
  const { processor } = JSON.parse(readFileSync(join(fixtures, "depth.json"), "utf8"));
  const preprocessor = { image_processor_type: "DPTImageProcessor", ...processor };
  writeFileSync(join(home, "preprocessor_config.json"), JSON.stringify(preprocessor));
}

/** Writes the SigLIP of the conformance suite, with text embeddings that mean nothing. */
function makeSiglip(home) {
  const { image_size: size, hidden_size: width } = copyGolden("siglip", home);
  const preprocessor = { image_processor_type: "SiglipImageProcessor", size: { height: size, width: size } };
  writeFileSync(join(home, "preprocessor_config.json"), JSON.stringify(preprocessor));
  const labels = ["cat", "dog"];
  const header = { __metadata__: { labels: JSON.stringify(labels) } };
  const numbers = [];
  const add = (name, shape, values) => {
    const begin = 4 * numbers.length;
    numbers.push(...values);
    header[name] = { dtype: "F32", shape, data_offsets: [begin, 4 * numbers.length] };
  };
  add(
    "text_embeds",
    [labels.length, width],
    Array.from({ length: labels.length * width }, (_, i) => Math.sin(i)),
  );
  add("logit_scale", [1], [100]);
  add("logit_bias", [1], [-13]);
  writeSafetensors(join(home, "text_embeddings.safetensors"), header, [Buffer.from(Float32Array.from(numbers).buffer)]);
}

function writeSafetensors(file, header, chunks) {
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  writeFileSync(file, Buffer.concat([length, json, ...chunks]));
}

/** Writes the demo model with its first three blocks alone. Its head is the whole model's, so its labels mean nothing. */
function makeShallow(home) {
  const blocks = 3;
  const config = JSON.parse(readFileSync(join(demoModel, "config.json"), "utf8"));
  writeFileSync(join(home, "config.json"), JSON.stringify({ ...config, num_hidden_layers: blocks }));
  cpSync(join(demoModel, "preprocessor_config.json"), join(home, "preprocessor_config.json"));
  const bytes = readFileSync(join(demoModel, "model.safetensors"));
  const data = 8 + Number(bytes.readBigUInt64LE(0));
  const header = {};
  const chunks = [];
  let end = 0;
  for (const [name, { data_offsets, ...tensor }] of Object.entries(JSON.parse(bytes.toString("utf8", 8, data)))) {
    if (!data_offsets || Number(/\.layer\.(\d+)\./.exec(name)?.[1] ?? 0) >= blocks) continue;
    chunks.push(bytes.subarray(data + data_offsets[0], data + data_offsets[1]));
    const begin = end;
    end += data_offsets[1] - data_offsets[0];
    header[name] = { ...tensor, data_offsets: [begin, end] };
  }
  writeSafetensors(join(home, "model.safetensors"), header, chunks);
}

function checkpointOf(name, home) {
  const word = Object.keys(standIns).find((word) => name.toLowerCase().includes(word));
  return word ? join(home, standIns[word]) : demoModel;
}

/** Checkpoints that documents name by these paths. */
const folders = [
  "deit-small",
  "deit-small-patch16-224",
  "dinov2-small",
  "clip-vit-base-patch32",
  "siglip-base",
  "my-model",
];

/** Makes `home` the folder that every document's blocks start in a copy of. Checkpoints are links to those in `models`. */
export async function makeFixtures(home, models) {
  makeStandIns(models);
  for (const name of folders) symlinkSync(checkpointOf(name, models), join(home, name), "junction");
  cpSync(join(fixtures, "clip", "text_embeddings.safetensors"), join(home, "text_embeddings.safetensors"));
  const samples = readdirSync(join(demo, "samples"))
    .filter((name) => name.endsWith(".png"))
    .slice(0, 8);
  for (const place of ["photos", "folder"]) mkdirSync(join(home, place), { recursive: true });
  for (const [at, sample] of samples.entries()) {
    // Samples are named NNN_label.png.
    const label = sample.replace(/^\d+_|\.png$/g, "");
    const jpeg = await sharp(join(demo, "samples", sample))
      .flatten({ background: "white" })
      .jpeg({ quality: 95 })
      .toBuffer();
    writeFileSync(join(home, "photos", `${at}.jpg`), jpeg);
    if (at < 2) writeFileSync(join(home, "folder", `${at}.jpg`), jpeg);
    if (label === photoLabel) writeFileSync(join(home, "photo.jpg"), jpeg);
    // ImageNet's folders have the names of WordNet, which a file beside them explains.
    const synset = `n${String(at).padStart(8, "0")}`;
    appendFileSync(join(home, "LOC_synset_mapping.txt"), `${synset} ${label}\n`);
    for (const place of [join("val", label), join("imagenet", "val", synset)]) {
      mkdirSync(join(home, place), { recursive: true });
      writeFileSync(join(home, place, `${at}.jpg`), jpeg);
    }
  }
  // The backend of a reader who writes one.
  mkdirSync(join(home, "src"), { recursive: true });
  writeFileSync(
    join(home, "src", "index.js"),
    'export { createCpuBackend as createMyBackend } from "@ppt-vit/backend-cpu";\n',
  );
  writeFileSync(join(home, "package.json"), JSON.stringify({ private: true, type: "module" }));
}

/**
 * A Hub that has every model, by the server of the tests. Checkpoints are those in `models`, which `makeFixtures` makes.
 * @returns {Promise<{ url: string, close(): Promise<void> }>}
 */
export async function startHub(home, models) {
  const outfile = join(home, "hub.mjs");
  const entry = join(root, "packages", "pipeline", "test", "fake-hub.ts");
  await build({ entryPoints: [entry], outfile, bundle: true, platform: "node", format: "esm", logLevel: "silent" });
  const { startHub: start } = await import(pathToFileURL(outfile).href);
  const hub = await start();
  const commit = "0123456789abcdef0123456789abcdef01234567";
  const asked = new Map();
  hub.models.get = (name) => {
    if (!/^[\w.-]+\/[\w.-]+$/.test(name)) return undefined;
    if (!asked.has(name)) asked.set(name, { commit, files: filesIn(checkpointOf(name, models)) });
    return asked.get(name);
  };
  // The storage looks for a file among the models that were asked for.
  hub.models.values = () => asked.values();
  return hub;
}

function filesIn(folder) {
  return Object.fromEntries(
    readdirSync(folder)
      .filter((file) => /\.(json|safetensors)$/.test(file))
      .map((file) => [file, readFileSync(join(folder, file))]),
  );
}
