/** The API reference: one page for each symbol of each public entry, from its docstring. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Application, LogLevel } from "typedoc";
import { docs, root } from "./paths.mjs";

/** The public entries of all packages, by the name that one imports them with, and the source file of each. */
export function entries() {
  const packages = join(root, "packages");
  return readdirSync(packages)
    .filter((folder) => existsSync(join(packages, folder, "package.json")))
    .flatMap((folder) => {
      const { name, exports = {} } = JSON.parse(readFileSync(join(packages, folder, "package.json"), "utf8"));
      return Object.entries(exports).flatMap(([subpath, { types }]) => {
        if (types === undefined) return [];
        const file = join(packages, folder, types.replace("./dist/", "src/").replace(/\.d\.ts$/, ".ts"));
        return [{ name: name + subpath.slice(1), file }];
      });
    });
}

/**
 * Writes `api/`. Resolves with what is undocumented or badly linked, as TypeDoc words it.
 * @throws Error if TypeDoc reports an error
 */
export async function writeReference() {
  const found = entries();
  const packages = [...new Set(found.map(({ name }) => name.split("/").slice(0, 2).join("/")))];
  const app = await Application.bootstrapWithPlugins({
    plugin: ["typedoc-plugin-missing-exports", "typedoc-plugin-markdown", "typedoc-vitepress-theme"],
    entryPoints: found.map(({ file }) => file),
    entryPointStrategy: "resolve",
    tsconfig: join(root, "tsconfig.json"),
    basePath: root,
    out: join(docs, "api"),
    docsRoot: docs,
    placeInternalsInOwningModule: true,
    router: "member",
    name: "API reference",
    readme: "none",
    githubPages: false,
    hideBreadcrumbs: true,
    hidePageHeader: true,
    hideGenerator: true,
    entryFileName: "index.md",
    useCodeBlocks: true,
    expandObjects: true,
    parametersFormat: "table",
    interfacePropertiesFormat: "table",
    typeDeclarationFormat: "table",
    enumMembersFormat: "table",
    excludePrivate: true,
    excludeExternals: true,
    tableColumnSettings: { hideSources: true, hideInherited: true, hideOverrides: true, hideModifiers: true },
    excludeInternal: true,
    skipErrorChecking: true,
    sourceLinkTemplate: "https://github.com/ppt-vit/ppt-vit/blob/main/packages/{path}#L{line}",
    disableGit: true,
    sort: ["alphabetical"],
    groupOrder: ["Functions", "Classes", "Interfaces", "Type Aliases", "Variables"],
    validation: {
      notExported: true,
      invalidLink: true,
      notDocumented: true,
      rewrittenLink: true,
      unusedMergeModuleWith: true,
    },
    packagesRequiringDocumentation: packages,
    requiredToBeDocumented: ["Function", "Class", "Interface", "Variable", "TypeAlias", "Method"],
    logLevel: "Warn",
  });
  const warnings = [];
  app.logger.log = (message, level) => level >= LogLevel.Warn && warnings.push(String(message));
  const project = await app.convert();
  if (!project) throw new Error("TypeDoc could not read the sources");
  for (const module of project.children) {
    const file = module.sources?.[0]?.fullFileName;
    const entry = found.find((one) => one.file === file);
    if (entry) module.name = entry.name;
  }
  app.validate(project);
  // TypeDoc looks for types that are used but not exported in one package at a time.
  app.options.setValue("validation", { notExported: true, notDocumented: false, invalidLink: false });
  for (const name of packages) {
    project.packageName = name;
    app.validate(project);
  }
  await app.generateOutputs(project);
  if (app.logger.hasErrors()) throw new Error("TypeDoc reported errors, see above");
  return warnings;
}
