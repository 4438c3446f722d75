/**
 * Checks the dependency directions of the workspace, in the package.json files and in what the sources import; the rooms inside
 * the packages; and the fields that every package.json must have. No files may import each other in a circle. Prints one line
 * per violation and ends with code 1 if there is one.
 */
import { existsSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join, relative, resolve, sep } from "node:path";
import { circlesAmong, importsOf, sources } from "./imports.mjs";
import { workspacePackages } from "./packages.mjs";
import { root } from "./workspace.mjs";

const scope = "@ppt-vit/";

/**
 * Which package may import which. The first rule whose `folder` matches a package applies to it.
 * `imports` are the workspace packages it depends on, `optional` those it loads with `import()` as optional peers,
 * `copied` the subpaths of those whose content its build copies, so that they may be imported at once,
 * `tests` those that only its tests may use. `bare: false` forbids every dependency from outside the workspace, and
 * `node: false` the modules of Node, so that the package runs in browsers, workers and Deno. In a package that runs in both,
 * `node: "FOLDER"` allows them below that folder of its sources only.
 * `rooms` are folders of its sources that only those files may import which match the pattern: they run on one platform.
 */
const rules = [
  { folder: /^packages\/core$/, imports: [], tests: [/./], bare: false, node: false },
  { folder: /^packages\/conformance$/, imports: [/^core$/], tests: [/^backend-/], node: false },
  { folder: /^packages\/demo-model$/, imports: [/^core$/] },
  { folder: /^packages\/backend-cpu$/, imports: [/^core$/], tests: [/^conformance$/], bare: false, node: false },
  {
    folder: /^packages\/backend-wasm$/,
    imports: [/^core$/, /^backend-cpu$/],
    tests: [/^conformance$/],
    bare: false,
    node: false,
  },
  { folder: /^packages\/backend-/, imports: [/^core$/], tests: [/^conformance$/, /^backend-cpu$/] },
  {
    folder: /^packages\/pipeline$/,
    imports: [/^core$/],
    optional: [/^backend-/, /^demo-model$/],
    copied: [/^backend-\w+\/devices$/],
    tests: [/./],
    node: "node",
    rooms: { node: /^(node\/|index\.ts$)/, browser: /^(browser\/|browser\.ts$)/ },
  },
  { folder: /^packages\/finetune$/, imports: [/^core$/, /^pipeline$/, /^backend-tfjs$/], tests: [/./] },
  { folder: /^packages\/cli$/, imports: [/./], tests: [/./] },
  { folder: /^(apps\/|benchmarks$)/, imports: [/./], tests: [/./] },
];

const installScripts = ["preinstall", "install", "postinstall", "preprepare", "prepare", "postprepare", "prepublish"];

const violations = [];
const packages = workspacePackages();
const manifests = new Map(packages.map(({ manifest }) => [manifest.name, manifest]));

checkInstallScripts("package.json", JSON.parse(readFileSync(join(root, "package.json"), "utf8")));
let fileCount = 0;
for (const { dir, folder, manifest } of packages) {
  const rule = rules.find((candidate) => candidate.folder.test(folder));
  if (!rule) {
    violations.push(`${folder}: no rule says what it may import, add one to scripts/check-layers.mjs`);
    continue;
  }
  checkInstallScripts(`${folder}/package.json`, manifest);
  checkDependencies(folder, manifest, rule);
  if (!manifest.private) checkFields(dir, folder, manifest);
  const files = sources(join(dir, "src"));
  fileCount += files.length;
  for (const file of files) checkSource(file, dir, manifest, rule);
  for (const circle of circlesAmong(files)) violations.push(`files import each other: ${circle.map(shown).join(", ")}`);
}

for (const violation of violations) console.log(violation);
console.log(`${packages.length} packages, ${fileCount} source files, ${violations.length} violations of the layers`);
process.exitCode = violations.length > 0 ? 1 : 0;

/** Whether one of the patterns matches the workspace package `name`. */
function allows(patterns, name) {
  return (patterns ?? []).some((pattern) => pattern.test(name.slice(scope.length)));
}

function checkInstallScripts(where, manifest) {
  for (const name of installScripts) {
    if (manifest.scripts?.[name]) violations.push(`${where}: script '${name}' runs code at install time, remove it`);
  }
}

/** The dependencies that package.json declares. */
function checkDependencies(folder, manifest, rule) {
  const complain = (field, name, message) => violations.push(`${folder}/package.json: ${field} '${name}' ${message}`);
  for (const field of ["dependencies", "optionalDependencies", "peerDependencies", "devDependencies"]) {
    for (const [name, version] of Object.entries(manifest[field] ?? {})) {
      const isPeer = field === "peerDependencies";
      if (!name.startsWith(scope)) {
        if (rule.bare === false && field !== "devDependencies")
          complain(field, name, "must not be: no dependency here");
        continue;
      }
      if (!manifests.has(name)) complain(field, name, "is not a package of this workspace");
      if (!String(version).startsWith("workspace:")) complain(field, name, `is '${version}', expected 'workspace:...'`);
      const allowed =
        allows(rule.imports, name) ||
        (field === "devDependencies" && (allows(rule.tests, name) || allows(rule.optional, name))) ||
        (isPeer && allows(rule.optional, name));
      if (!allowed) complain(field, name, "goes against the dependency directions");
      if (isPeer && allows(rule.optional, name) && !manifest.peerDependenciesMeta?.[name]?.optional) {
        complain(field, name, "must be optional in peerDependenciesMeta");
      }
    }
  }
}

/** The fields of a package that users install. */
function checkFields(dir, folder, manifest) {
  const complain = (message) => violations.push(`${folder}/package.json: ${message}`);
  if (manifest.license !== "Apache-2.0") complain(`license is ${JSON.stringify(manifest.license)}, not "Apache-2.0"`);
  if (manifest.type !== "module") complain(`type is ${JSON.stringify(manifest.type)}, not "module"`);
  if (manifest.sideEffects !== false) complain("sideEffects must be false: importing a package does no work");
  if (!Array.isArray(manifest.files) || manifest.files.length === 0) complain("files must list what is published");
  if (!manifest.exports) complain("exports is missing");
  checkTypesFirst(manifest.exports, "exports", complain);
  if (!existsSync(join(dir, "README.md"))) violations.push(`${folder}: README.md is missing`);
}

/** `types` comes first wherever exports names conditions: TypeScript takes the first one that matches. */
function checkTypesFirst(entry, path, complain) {
  if (typeof entry !== "object" || entry === null) return;
  const keys = Object.keys(entry);
  const isConditions = keys.every((key) => !key.startsWith("."));
  const targets = Object.values(entry);
  if (isConditions && targets.some((target) => typeof target === "string") && keys[0] !== "types") {
    complain(`${path}: 'types' must come first, found '${keys.join("', '")}'`);
  }
  for (const key of keys) checkTypesFirst(entry[key], `${path}["${key}"]`, complain);
}

/** What a source file imports. */
function checkSource(file, dir, manifest, rule) {
  for (const { specifier, line, isStatic } of importsOf(file)) {
    const complain = (message) => violations.push(`${shown(file)}:${line}: import of '${specifier}' ${message}`);
    const place = pathIn(join(dir, "src"), file);
    if (specifier.startsWith(".")) {
      const target = resolve(file, "..", specifier);
      if (!target.startsWith(dir + sep)) complain("reaches outside its package");
      checkRoom(place, pathIn(join(dir, "src"), target), rule, complain);
    } else if (isBuiltin(specifier)) {
      if (rule.node === false) complain("ties the package to Node");
      else if (typeof rule.node === "string" && !place.startsWith(`${rule.node}/`))
        complain(`ties to Node what runs in browsers too, move it below src/${rule.node}/`);
    } else if (specifier.startsWith(scope)) {
      // what lies in src/vite is loaded on demand as a whole
      const loadsWithPackage = isStatic && !file.startsWith(join(dir, "src", "vite") + sep);
      checkWorkspaceImport(specifier, { isStatic: loadsWithPackage, manifest, rule, complain });
    } else if (rule.bare === false) {
      complain("must not be: no dependency here");
    } else if (!isDeclared(manifest, packageNameOf(specifier))) {
      complain("is missing in the dependencies of package.json");
    }
  }
}

/** Whether the file at `place` may import the one at `target`, both relative to the package's sources. */
function checkRoom(place, target, { rooms = {} }, complain) {
  for (const [room, mayImport] of Object.entries(rooms)) {
    if (target.startsWith(`${room}/`) && !mayImport.test(place))
      complain(`reaches into src/${room}/, which runs on that platform only`);
  }
}

function checkWorkspaceImport(specifier, { isStatic, manifest, rule, complain }) {
  const name = packageNameOf(specifier);
  const target = manifests.get(name);
  if (!target) return complain("is not a package of this workspace");
  if (name === manifest.name) return complain("imports its own package by name, use a relative path");
  const subpath = `.${specifier.slice(name.length)}`;
  if (!isExported(target.exports, subpath)) complain(`reaches into another package, its exports have no '${subpath}'`);
  if (!allows(rule.imports, name) && !allows(rule.optional, name)) complain("goes against the dependency directions");
  else if (!allows(rule.imports, name) && isStatic && !allows(rule.copied, specifier))
    complain("is an optional peer: load it with import()");
  else if (!isDeclared(manifest, name)) complain("is missing in the dependencies of package.json");
}

/** A path as messages show it, relative to the repository. */
function shown(file) {
  return pathIn(root, file);
}

/** `file` relative to `folder`, with forward slashes on every system. */
function pathIn(folder, file) {
  return relative(folder, file).replaceAll(sep, "/");
}

function packageNameOf(specifier) {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

function isDeclared(manifest, name) {
  // a private package is never installed without its devDependencies
  const fields = [
    "dependencies",
    "optionalDependencies",
    "peerDependencies",
    ...(manifest.private ? ["devDependencies"] : []),
  ];
  return fields.some((field) => manifest[field]?.[name]);
}

function isExported(exports, subpath) {
  return Object.keys(exports ?? {}).some((key) => {
    const [before, after] = key.split("*");
    return after === undefined ? key === subpath : subpath.startsWith(before) && subpath.endsWith(after);
  });
}
