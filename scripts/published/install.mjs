/** Installing what was published, with the package managers that people use. */
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { metadataProblems } from "../package-metadata.mjs";
import { publishedPackages } from "../packages.mjs";
import { readJson, root, run } from "../workspace.mjs";

/** What the documentation installs beside our packages, at the versions that this repository is tested with. */
const peers = {
  "backend-onnx": ["onnxruntime-node", "onnxruntime-web"],
  "backend-tfjs": ["@tensorflow/tfjs-core", "@tensorflow/tfjs-backend-wasm", "@tensorflow/tfjs-backend-cpu"],
};
/** Large packages that are taken from this repository's own node_modules. */
const linked = ["vitest", "@huggingface/transformers"];

/** Installs all published packages and their peers with npm into `home`. The documents' folders lie below it. */
export async function makeWorkshop(home, env) {
  writeFileSync(join(home, "package.json"), JSON.stringify({ private: true, type: "module" }));
  const versions = Object.entries(peers).flatMap(([folder, names]) => {
    const { devDependencies } = readJson(join(root, "packages", folder, "package.json"));
    return names.map((name) => `${name}@${devDependencies[name]}`);
  });
  const own = publishedPackages().map(({ manifest }) => manifest.name);
  await succeed("npm", ["install", ...own, ...versions], home, env);
  for (const name of linked) {
    mkdirSync(join(home, "node_modules", name, ".."), { recursive: true });
    symlinkSync(join(root, "node_modules", name), join(home, "node_modules", name), "junction");
  }
}

/** What is wrong with the installed packages, one line each. */
export function installProblems(home) {
  return publishedPackages().flatMap(({ folder, manifest: { name } }) => {
    const dir = join(home, "node_modules", name);
    const manifest = readJson(join(dir, "package.json"));
    const missing = ["LICENSE", "README.md", "CHANGELOG.md"].filter((file) => !existsSync(join(dir, file)));
    const ranges = Object.entries({ ...manifest.dependencies, ...manifest.peerDependencies });
    const unresolved = ranges.filter(([, range]) => /^(workspace|catalog|file|link):/.test(range));
    return [
      ...missing.map((file) => `${name}: ${file} is missing`),
      ...unresolved.map(([dependency, range]) => `${name}: depends on ${dependency} ${range}`),
      ...metadataProblems(manifest, folder).map((problem) => `${name}: ${problem}`),
      ...(existsSync(join(dir, "node_modules", "@ppt-vit")) ? [`${name}: has a second copy of our packages`] : []),
    ];
  });
}

const scriptFor = (model, backend) => `
import { fromPretrained } from "@ppt-vit/pipeline";
const classifier = await fromPretrained("${model}", { backend: "${backend}" });
console.log(classifier.labels.length);
await classifier.dispose();
`;
const smallest = ["@ppt-vit/pipeline", "@ppt-vit/backend-cpu", "@ppt-vit/demo-model"];

/** Other package managers: each installs the smallest set, which must then run. */
export const otherManagers = [
  [
    "pnpm add",
    (home, env) => tryManager(home, env, "pnpm", ["add", `--store-dir=${join(home, "store")}`, ...smallest]),
  ],
  ["yarn add", (home, env) => tryManager(home, env, "npx", ["--yes", "yarn@1.22.22", "add", "--silent", ...smallest])],
];

async function tryManager(home, env, command, args) {
  writeFileSync(join(home, "package.json"), JSON.stringify({ name: "empty", private: true, type: "module" }));
  writeFileSync(join(home, "use.js"), scriptFor("demo", "cpu"));
  await succeed(command, args, home, env);
  await succeed("node", ["use.js"], home, env);
}

/** Installs from tarballs by the command that `npm run tarballs` prints, which must give an application that runs. */
export async function tryTarballs(home, env) {
  const packed = await succeed("node", [join(root, "scripts", "pack.mjs"), join(home, "tarballs")], home, env);
  const [, ...args] = packed.stdout.trimEnd().split("\n").at(-1).split(" ");
  const app = join(home, "app");
  mkdirSync(app);
  writeFileSync(join(app, "package.json"), JSON.stringify({ private: true, type: "module" }));
  writeFileSync(join(app, "use.js"), scriptFor("org/any-model", "onnx-cpu"));
  await succeed("npm", args, app, env);
  await succeed("node", ["use.js"], app, env);
}

async function succeed(command, args, cwd, env) {
  const result = await run(command, args, { cwd, env });
  if (result.code !== 0)
    throw new Error(`${command} ${args.join(" ")} ended with code ${result.code}:\n${result.output}`);
  return result;
}
