/**
 * `npm run tarballs [FOLDER]`: packs every package as a release would, for applications that cannot install from npm's registry.
 * Prints the commands that install them. The default folder is `tarballs` in the repository, which git ignores.
 */
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { env } from "node:process";
import { packAll } from "./packages.mjs";
import { root } from "./workspace.mjs";

// `npm run` starts scripts in the repository, and says where it was called.
const folder = process.argv[2] ? resolve(env.INIT_CWD ?? process.cwd(), process.argv[2]) : join(root, "tarballs");
mkdirSync(folder, { recursive: true });
for (const name of readdirSync(folder)) if (/^ppt-vit-[a-z-]+-\d.*\.tgz$/.test(name)) rmSync(join(folder, name));
const packed = await packAll(folder);
for (const { name, tarball } of packed) console.log(`${name}: ${tarball}`);

// They depend on each other, and none is on npm's registry yet: one command must install all that an application needs.
const files = (...names) =>
  names
    .map((name) => packed.find((one) => one.name === `@ppt-vit/${name}`).tarball)
    .map((tarball) => join(folder, basename(tarball)))
    .map((file) => (/\s/.test(file) ? `"${file}"` : file))
    .join(" ");
const application = files("core", "pipeline", "backend-onnx");
const withDemo = files("demo-model", "backend-cpu", "backend-wasm", "backend-tfjs", "finetune", "cli");
console.log(`\nIn your application, for Node:\n\nnpm install ${application} onnxruntime-node`);
console.log(`\nFor browsers:\n\nnpm install ${application} onnxruntime-web`);
console.log(
  `\nWith the command line and the demo model (npx ppt-vit):\n\nnpm install ${application} ${withDemo} onnxruntime-node`,
);
