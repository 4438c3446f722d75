/** What the blocks of the documentation find around them: pictures, checkpoints, and a Hub on loopback. */
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
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

/** Small checkpoints of the tests that stand for models by a word in their names. All others are the demo model. */
const standIns = { clip: "clip", dino: "dinov2" };

/** Copies the stand-ins to `home`, with settings of their own: they have too few blocks for the default ones. */
function makeStandIns(home) {
  const reduction = JSON.stringify({ layers: [1], tokensRemoved: 2, threshold: 7e-5 });
  for (const folder of Object.values(standIns)) {
    mkdirSync(join(home, folder), { recursive: true });
    for (const file of ["config.json", "preprocessor_config.json", "model.safetensors"])
      cpSync(join(fixtures, folder, file), join(home, folder, file));
    writeFileSync(join(home, folder, "reduction.json"), reduction);
  }
}

function checkpointOf(name, home) {
  const word = Object.keys(standIns).find((word) => name.toLowerCase().includes(word));
  return word ? join(home, standIns[word]) : demoModel;
}

/** Checkpoints that documents name by these paths. */
const folders = ["deit-small", "deit-small-patch16-224", "dinov2-small", "clip-vit-base-patch32", "my-model"];

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
    for (const place of ["val", "imagenet/val"]) {
      mkdirSync(join(home, place, label), { recursive: true });
      writeFileSync(join(home, place, label, `${at}.jpg`), jpeg);
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
