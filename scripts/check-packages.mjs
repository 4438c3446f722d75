/**
 * Package hygiene: packs every published package as `pnpm publish` would and checks the tarballs with publint, with
 * are-the-types-wrong, for missing or superfluous files, for what their manifests say and for their source maps. Prints the size
 * of each tarball, and one line per problem.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { metadataProblems, sourceMapProblem } from "./package-metadata.mjs";
import { packAll } from "./packages.mjs";

const folder = mkdtempSync(join(tmpdir(), "ppt-vit-packages-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

let problems = 0;
for (const { name, version, folder: place, tarball } of await packAll(folder)) {
  const data = readFileSync(tarball);
  const unpacked = createPackageFromTarballData(new Uint8Array(data));
  const found = [...checkContents(unpacked, place), ...(await checkWithPublint(data)), ...(await checkTypes(unpacked))];
  const tarBytes = gunzipSync(data).length;
  console.log(
    `${name}@${version}: ${unpacked.listFiles().length} files, ${size(tarBytes)} as tar, ${size(data.length)} packed`,
  );
  for (const problem of found) console.log(`  ${problem}`);
  problems += found.length;
}
console.log(problems === 0 ? "no problems" : `${problems} problems`);
process.exitCode = problems > 0 ? 1 : 0;

/**
 * Missing and superfluous files, and wrong fields of the manifest. `unpacked` is the package as are-the-types-wrong reads it,
 * `place` its folder in the repository.
 */
function checkContents(unpacked, place) {
  const found = [];
  const folder = `/node_modules/${unpacked.packageName}/`;
  const files = unpacked.listFiles().map((path) => path.slice(folder.length));
  for (const name of ["LICENSE", "README.md", "package.json"]) {
    if (!files.includes(name)) found.push(`${name} is missing`);
  }
  for (const name of files) {
    if (/(^|\/)(src|test|tests)\/|\.test\.|\.tsx?$|tsconfig|tsup\.config|\.tsbuildinfo$/.test(name)) {
      if (!name.endsWith(".d.ts")) found.push(`${name} should not be published`);
    }
  }
  if (!files.some((name) => name.startsWith("dist/"))) found.push("dist is missing, run pnpm build first");
  const text = unpacked.tryReadFile(`${folder}package.json`) ?? "{}";
  if (/"(workspace|catalog|file|link):/.test(text)) found.push("package.json depends on something only we have");
  const manifest = JSON.parse(text);
  // The first release writes the changelogs.
  if (manifest.version !== "0.0.0" && !files.includes("CHANGELOG.md")) found.push("CHANGELOG.md is missing");
  for (const name of files.filter((file) => /^dist\/.*\.[cm]?js$/.test(file))) {
    const map = unpacked.tryReadFile(`${folder}${name}.map`);
    const problem = map === undefined ? "is missing" : sourceMapProblem(map);
    if (problem) found.push(`${name}.map ${problem}`);
  }
  return [...found, ...metadataProblems(manifest, place)];
}

/** publint's findings, including suggestions. */
async function checkWithPublint(data) {
  const tarball = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength);
  const { messages, pkg } = await publint({ pack: { tarball } });
  return messages.map((message) => `publint ${message.type}: ${formatMessage(message, pkg, { color: false })}`);
}

/** The findings of are-the-types-wrong. The command line has no entry and so no types to check. */
async function checkTypes(unpacked) {
  // TypeScript resolves no WebAssembly. Hosts that import it bring its type.
  const analysis = await checkPackage(unpacked, { excludeEntrypoints: [/\.wasm$/] });
  if (!analysis.types) {
    const { exports } = JSON.parse(unpacked.readFile(`/node_modules/${unpacked.packageName}/package.json`));
    return exports["."] ? ["attw: has an entry but no types"] : [];
  }
  // The packages are ESM only, by design. `require` resolves to an ES module (CJSResolvesToESM), which Node >= 20.19 can load.
  // TypeScript's oldest resolution (node10) does not know `exports`, hence no subpaths. All other findings count.
  const isByDesign = ({ kind, resolutionKind }) => kind === "CJSResolvesToESM" || resolutionKind === "node10";
  return analysis.problems
    .filter((problem) => !isByDesign(problem))
    .map(({ kind, entrypoint, resolutionKind, typesFileName, fileName }) =>
      ["attw:", kind, entrypoint, resolutionKind, typesFileName ?? fileName].filter(Boolean).join(" "),
    );
}

function size(bytes) {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
