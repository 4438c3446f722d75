/**
 * Checks the dependency directions of the workspace, in the package.json files and in what the sources import, and the fields that
 * every package.json must have. Prints one line per violation and ends with code 1 if there is one.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join, relative, resolve, sep } from "node:path";
import ts from "typescript";
import { workspacePackages } from "./packages.mjs";
import { root } from "./workspace.mjs";

const scope = "@ppt-vit/";

/**
 * Which package may import which. The first rule whose `folder` matches a package applies to it.
 * `imports` are the workspace packages it depends on, `optional` those it loads with `import()` as optional peers,
 * `copied` the subpaths of those whose content its build copies, so that they may be imported at once,
 * `tests` those that only its tests may use. `bare: false` forbids every dependency from outside the workspace, and
 * `node: false` the modules of Node, so that the package runs in browsers, workers and Deno.
 */
const rules = [
  { folder: /^packages\/core$/, imports: [], tests: [/./], bare: false, node: false },
  { folder: /^packages\/conformance$/, imports: [/^core$/], tests: [/^backend-/], node: false },
  { folder: /^packages\/demo-model$/, imports: [/^core$/] },
  { folder: /^packages\/backend-cpu$/, imports: [/^core$/], tests: [/^conformance$/], bare: false, node: false },
  { folder: /^packages\/backend-/, imports: [/^core$/], tests: [/^conformance$/, /^backend-cpu$/] },
  {
    folder: /^packages\/pipeline$/,
    imports: [/^core$/],
    optional: [/^backend-/, /^demo-model$/],
    copied: [/^backend-\w+\/devices$/],
    tests: [/./],
  },
  { folder: /^packages\/cli$/, imports: [/./], tests: [/./] },
  { folder: /^(apps\/|benchmarks$)/, imports: [/./], tests: [/./] },
];

const installScripts = ["preinstall", "install", "postinstall", "preprepare", "prepare", "postprepare", "prepublish"];

const violations = [];
const packages = workspacePackages();
const manifests = new Map(packages.map(({ manifest }) => [manifest.name, manifest]));

checkInstallScripts("package.json", JSON.parse(readFileSync(join(root, "package.json"), "utf8")));
let files = 0;
for (const { dir, folder, manifest } of packages) {
  const rule = rules.find((candidate) => candidate.folder.test(folder));
  if (!rule) {
    violations.push(`${folder}: no rule says what it may import, add one to scripts/check-layers.mjs`);
    continue;
  }
  checkInstallScripts(`${folder}/package.json`, manifest);
  checkDependencies(folder, manifest, rule);
  if (!manifest.private) checkFields(dir, folder, manifest);
  for (const file of sources(join(dir, "src"))) {
    files += 1;
    checkSource(file, dir, manifest, rule);
  }
}

for (const violation of violations) console.log(violation);
console.log(`${packages.length} packages, ${files} source files, ${violations.length} violations of the layers`);
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

/** The TypeScript and JavaScript files below a folder. */
function sources(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true })
    .filter((name) => /\.[cm]?[jt]sx?$/.test(name))
    .map((name) => join(folder, name));
}

/** What a source file imports. */
function checkSource(file, dir, manifest, rule) {
  for (const { specifier, line, isStatic } of importsOf(file)) {
    const complain = (message) =>
      violations.push(`${relative(root, file).replaceAll(sep, "/")}:${line}: import of '${specifier}' ${message}`);
    if (specifier.startsWith(".")) {
      if (!resolve(file, "..", specifier).startsWith(dir + sep)) complain("reaches outside its package");
    } else if (isBuiltin(specifier)) {
      if (rule.node === false) complain("ties the package to Node");
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

/**
 * Every module that a file names: import and export declarations, `import x = require()`, `import()` also in types,
 * `require()`, `require.resolve()`, `import.meta.resolve()`, and `new URL("./file", import.meta.url)`, as for a worker.
 * `isStatic` are those that load with the file itself.
 */
function importsOf(file) {
  const source = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest, true);
  const found = [];
  const add = (node, isStatic) => {
    if (!node || !ts.isStringLiteralLike(node)) return;
    const line = source.getLineAndCharacterOfPosition(node.getStart()).line + 1;
    found.push({ specifier: node.text, line, isStatic });
  };
  const visit = (node) => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, !node.importClause?.isTypeOnly);
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, !node.isTypeOnly);
    else if (ts.isExternalModuleReference(node)) add(node.expression, true);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, false);
    else if (ts.isCallExpression(node)) {
      const callee = node.expression.getText();
      if (["import", "require", "require.resolve", "import.meta.resolve"].includes(callee))
        add(node.arguments[0], false);
    }
    if (ts.isNewExpression(node) && node.arguments?.[1]?.getText() === "import.meta.url") {
      const [path] = node.arguments;
      if (ts.isStringLiteralLike(path) && path.text.startsWith(".")) add(path, false);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}
