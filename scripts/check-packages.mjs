/**
 * Package hygiene: packs every published package as `pnpm publish` would and examines the tarballs, by publint, by
 * are-the-types-wrong, and by what they contain. Prints the size of each, and one line a problem.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { packAll } from "./workspace.mjs";

const folder = mkdtempSync(join(tmpdir(), "ppt-vit-packages-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

let problems = 0;
for (const { name, version, tarball } of await packAll(folder)) {
  const data = readFileSync(tarball);
  const files = unpack(data);
  const found = [...checkContents(files), ...(await checkWithPublint(data)), ...(await checkTypes(data))];
  const bytes = [...files.values()].reduce((sum, content) => sum + content.length, 0);
  console.log(`${name}@${version}: ${files.size} files, ${size(bytes)} unpacked, ${size(data.length)} packed`);
  for (const problem of found) console.log(`  ${problem}`);
  problems += found.length;
}
console.log(problems === 0 ? "no problems" : `${problems} problems`);
process.exitCode = problems > 0 ? 1 : 0;

/** What must be inside, and what must not. */
function checkContents(files) {
  const found = [];
  for (const name of ["LICENSE", "README.md", "package.json"]) {
    if (!files.has(name)) found.push(`${name} is missing`);
  }
  for (const name of files.keys()) {
    if (/(^|\/)(src|test|tests)\/|\.test\.|\.tsx?$|tsconfig|tsup\.config|\.tsbuildinfo$/.test(name)) {
      if (!name.endsWith(".d.ts")) found.push(`${name} should not be published`);
    }
  }
  if (![...files.keys()].some((name) => name.startsWith("dist/"))) found.push("dist is missing, run pnpm build first");
  const manifest = files.get("package.json")?.toString("utf8") ?? "";
  if (/"(workspace|catalog|file|link):/.test(manifest)) found.push("package.json depends on something only we have");
  return found;
}

/** publint's findings, suggestions included. */
async function checkWithPublint(data) {
  const tarball = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength);
  const { messages, pkg } = await publint({ pack: { tarball } });
  return messages.map((message) => `publint ${message.type}: ${formatMessage(message, pkg, { color: false })}`);
}

/** The findings of are-the-types-wrong; a package without an entry, the command line, has no types to be wrong. */
async function checkTypes(data) {
  const analysis = await checkPackage(createPackageFromTarballData(new Uint8Array(data)));
  if (!analysis.types) {
    const { exports } = JSON.parse(unpack(data).get("package.json").toString("utf8"));
    return exports["."] ? ["attw: has an entry but no types"] : [];
  }
  // ESM only, by design: `require` resolves to an ES module (CJSResolvesToESM), which Node >= 20.19 loads all the same,
  // and TypeScript's oldest resolution (node10) knows no `exports`, hence no subpaths. Everything else counts.
  const isByDesign = ({ kind, resolutionKind }) => kind === "CJSResolvesToESM" || resolutionKind === "node10";
  return analysis.problems
    .filter((problem) => !isByDesign(problem))
    .map(({ kind, entrypoint, resolutionKind, typesFileName, fileName }) =>
      ["attw:", kind, entrypoint, resolutionKind, typesFileName ?? fileName].filter(Boolean).join(" "),
    );
}

/** The files of a .tgz, by their path below `package/`. Long names come as the pax headers that pnpm writes. */
function unpack(data) {
  const tar = gunzipSync(data);
  const text = (start, length) => tar.toString("utf8", start, start + length).replace(/\0.*$/s, "");
  const files = new Map();
  let longName;
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0; ) {
    const length = Number.parseInt(text(at + 124, 12), 8);
    const content = tar.subarray(at + 512, at + 512 + length);
    const type = text(at + 156, 1);
    if (type === "x") longName = /\d+ path=(.*)\n/.exec(content.toString("utf8"))?.[1];
    else {
      const prefix = text(at + 345, 155);
      const name = longName ?? (prefix ? `${prefix}/` : "") + text(at, 100);
      longName = undefined;
      if (type === "0" || type === "") files.set(name.replace(/^package\//, ""), content);
    }
    at += 512 + Math.ceil(length / 512) * 512;
  }
  return files;
}

function size(bytes) {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
