/**
 * `npm run tarballs [FOLDER]`: packs every package as a release would, for applications that cannot install from npm's registry.
 * Prints the command that installs them. The default folder is `tarballs` in the repository, which git ignores.
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
const needed = ["core", "pipeline", "backend-onnx"].map((name) => `@ppt-vit/${name}`);
const files = packed.filter(({ name }) => needed.includes(name)).map(({ tarball }) => join(folder, basename(tarball)));
const quoted = files.map((file) => (/\s/.test(file) ? `"${file}"` : file));
console.log(`\nIn your application:\n\nnpm install ${quoted.join(" ")} onnxruntime-node`);
