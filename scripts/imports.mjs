/** What source files import, and where their imports lead in circles. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import ts from "typescript";

/** The TypeScript and JavaScript files below a folder. */
export function sources(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true })
    .filter((name) => /\.[cm]?[jt]sx?$/.test(name))
    .map((name) => join(folder, name));
}

/**
 * Every module that a file names: import and export declarations, `import x = require()`, `import()` also in types,
 * `require()`, `require.resolve()`, `import.meta.resolve()`, and `new URL("./file", import.meta.url)`, as for a worker.
 * `isStatic` are those that load with the file itself.
 */
export function importsOf(file) {
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

/**
 * The circles among files that import each other by relative paths, types included: a type that two files need belongs in a
 * third one. Each circle is the list of its files.
 */
export function circlesAmong(files) {
  const known = new Set(files);
  const edges = new Map(files.map((file) => [file, importedFiles(file, known)]));
  // Tarjan's strongly connected components.
  const order = new Map();
  const low = new Map();
  const stack = [];
  const circles = [];
  const visit = (file) => {
    order.set(file, order.size);
    low.set(file, order.get(file));
    stack.push(file);
    for (const next of edges.get(file)) {
      if (!order.has(next)) visit(next);
      if (stack.includes(next)) low.set(file, Math.min(low.get(file), low.get(next)));
    }
    if (low.get(file) !== order.get(file)) return;
    const circle = stack.splice(stack.indexOf(file));
    if (circle.length > 1) circles.push(circle);
  };
  for (const file of files) if (!order.has(file)) visit(file);
  return circles;
}

/** The files of `known` that `file` imports. Sources name `./x.js` where the file is `x.ts`. */
function importedFiles(file, known) {
  return importsOf(file)
    .filter(({ specifier }) => specifier.startsWith("."))
    .map(({ specifier }) => resolve(dirname(file), specifier))
    .map((path) => [path, path.replace(/\.([cm]?)js$/, ".$1ts")].find((candidate) => known.has(candidate)))
    .filter((path) => path !== undefined);
}
