/** Compiles consumers of the packed packages, with several versions of TypeScript and without each other's libraries. */
import { cpSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type * as TypeScript from "typescript";
import { root, run } from "../scripts/workspace.mjs";

/** The files of test/types by what their readers have: nothing, a page, a worker, or Node. */
export const consumers = {
  nothing: { files: ["core.ts"], lib: ["es2022"], types: [] },
  page: { files: ["core.ts", "browser.ts", "page.ts"], lib: ["es2022", "dom"], types: [] },
  worker: { files: ["core.ts", "browser.ts", "worker.ts"], lib: ["es2022", "webworker"], types: [] },
  node: { files: ["core.ts", "node.ts"], lib: ["es2022"], types: ["node"] },
  "node that reads a page's types": { files: ["everything.ts"], lib: ["es2022"], types: ["node"] },
} as const;
export type Consumer = keyof typeof consumers;

/** The option `module` for each `moduleResolution`. */
export const resolutions = { node16: "node16", nodenext: "nodenext", bundler: "esnext" } as const;
export type Resolution = keyof typeof resolutions;

export const folder = "types";

/** Copies test/types into the consumer, with a file that imports every entry. */
export function writeConsumers(home: string, entries: readonly string[]): void {
  cpSync(join(root, "test/types"), join(home, folder), { recursive: true });
  const lines = entries.map((entry, i) => `export * as entry${i} from "${entry}";`);
  writeFileSync(join(home, folder, "everything.ts"), lines.join("\n"));
}

const compilerOptions = (consumer: Consumer, moduleResolution: Resolution) => ({
  target: "es2022",
  module: resolutions[moduleResolution],
  moduleResolution,
  lib: consumers[consumer].lib,
  types: consumers[consumer].types,
  typeRoots: [join(root, "node_modules/@types")],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
  noEmit: true,
  // Exports whose types are inferred then need names for them.
  declaration: true,
});

/** Versions of TypeScript that the consumer installs, beside this repository's own. */
export const installedVersions = {
  // The oldest one that the packages support.
  "typescript-5.4": "npm:typescript@5.4.5",
  // The newest one: a native program, without the API of the others.
  "typescript-7": "npm:typescript@7.0.2",
};

/** What the version of TypeScript that the consumer installed as `name`, or this repository's own, reports by its API. */
export function errorsByApi(home: string, name: string, consumer: Consumer, resolution: Resolution): string[] {
  const ts = createRequire(join(name === "typescript" ? root : home, "package.json"))(name) as typeof TypeScript;
  const { program, options } = programOf(ts, home, consumer, resolution);
  return [...options.errors, ...ts.getPreEmitDiagnostics(program)].map((one) =>
    ts.formatDiagnostic(one, {
      getCurrentDirectory: () => home,
      getCanonicalFileName: (path) => path,
      getNewLine: () => "\n",
    }),
  );
}

export function programOf(ts: typeof TypeScript, home: string, consumer: Consumer, resolution: Resolution) {
  const options = ts.convertCompilerOptionsFromJson(compilerOptions(consumer, resolution), home);
  const files = consumers[consumer].files.map((file) => join(home, folder, file));
  return { options, files, program: ts.createProgram(files, options.options) };
}

/** What a version reports that has no API, as a process. */
export async function errorsByProcess(
  home: string,
  name: string,
  consumer: Consumer,
  resolution: Resolution,
): Promise<string[]> {
  const config = join(home, folder, `tsconfig.${name}.json`);
  const { files } = consumers[consumer];
  writeFileSync(config, JSON.stringify({ compilerOptions: compilerOptions(consumer, resolution), files }));
  const tsc = join(home, "node_modules", name, "bin", "tsc");
  const { code, output } = await run("node", [tsc, "--project", config], { cwd: home });
  return code === 0 ? [] : [output];
}

/**
 * Named types that a declaration of the packages mentions, and that no entry exports: a caller cannot write them.
 * Each is `type <- declaration`.
 */
export function unnamedTypes(ts: typeof TypeScript, home: string): string[] {
  const { program, files } = programOf(ts, home, "node that reads a page's types", "nodenext");
  const checker = program.getTypeChecker();
  const target = (symbol: TypeScript.Symbol) =>
    symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  const ours = (node: TypeScript.Node) => node.getSourceFile().fileName.includes("/@ppt-vit/");

  const exported = new Map<TypeScript.Symbol, string>();
  const everything = checker.getSymbolAtLocation(program.getSourceFile(files[0]!)!)!;
  for (const entry of checker.getExportsOfModule(everything))
    for (const symbol of checker.getExportsOfModule(target(entry))) exported.set(target(symbol), symbol.name);

  const found = new Set<string>();
  const visit = (node: TypeScript.Node, from: string): void => {
    const name = ts.isTypeReferenceNode(node)
      ? node.typeName
      : ts.isExpressionWithTypeArguments(node)
        ? node.expression
        : undefined;
    const symbol = name && checker.getSymbolAtLocation(name);
    const declaration = symbol && target(symbol).declarations?.[0];
    if (declaration && ours(declaration) && !ts.isTypeParameterDeclaration(declaration)) {
      if (!exported.has(target(symbol))) found.add(`${target(symbol).name} <- ${from}`);
    }
    ts.forEachChild(node, (child) => visit(child, from));
  };
  for (const [symbol, name] of exported)
    for (const declaration of symbol.declarations ?? []) if (ours(declaration)) visit(declaration, name);
  return [...found].sort();
}
