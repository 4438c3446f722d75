/**
 * Code that a package loads when it is needed: `import()` of one of its files with a comment before the name. In a build of the
 * package that file becomes a chunk of its own, which every bundler follows. But Vite builds a worker as one script, where `import()`
 * of a chunk is impossible, and a library cannot change that. For Vite the comment decides:
 *
 * - `lazy`: it has the file from the beginning, by `import.meta.glob`, which other bundlers do not know. For code, which would bring
 *   a copy of all that it imports.
 * - `part`: it makes a script of the file, from `dist/vite`, and loads that when it is needed (`vite-parts.ts` of the core). For data.
 */
import { readdirSync, readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import type { Plugin as EsbuildPlugin } from "esbuild";
import type { Options } from "tsup";

type TsupPlugin = NonNullable<Options["plugins"]>[number];

const marked = /import\(\/\* part \*\/ "(\.[^"]+)\.js"\)/g;
const lazy = /import\(\/\* lazy \*\/ "\.[^"]+"\)/g;

/**
 * They stand for text until the build has named its chunks and renamed what it must: Vite wants to see the names `SharedWorker` and
 * `URL`, and the file of the chunk.
 */
const placeholders: readonly [RegExp, string][] = [
  [
    /__partAddress\("(.*?)"\)/g,
    '(SharedWorker, URL) => new SharedWorker(new URL("./vite/$1.js", import.meta.url), { type: "module" })',
  ],
  [
    /__eagerHere : import\(\s*(?:\/\*[^*]*\*\/\s*)?(["'][^"']+["'])\s*\)/g,
    "import.meta.glob($1, { eager: true })[$1] : import($1)",
  ],
];

interface Part {
  /** The source, without its extension. */
  readonly file: string;
  /** Of its script in `dist/vite`. */
  readonly name: string;
}

/**
 * Imports for nothing but effects, which no chunk has. Bundlers that split code would load such a chunk at once, although what is in it
 * may be needed later or never.
 */
const unneeded = /^import '\.{1,2}\/chunk-\w+\.js';\n/gm;

/** The parts that the sources below `folder` name. */
function partsIn(folder: string): readonly Part[] {
  const sources = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
  const files = sources.flatMap((source) =>
    [...readFileSync(join(folder, source), "utf8").matchAll(marked)].map(([, path]) =>
      resolve(folder, dirname(source), path!),
    ),
  );
  return [...new Set(files)].map((file) => ({ file, name: relative(folder, file).replaceAll(/[\\/]/g, "-") }));
}

/** The plugins of a package's build. The package is in the current folder. */
export function lazyParts(): { readonly esbuild: EsbuildPlugin[]; readonly tsup: TsupPlugin[] } {
  const folder = resolve("src");
  const parts = partsIn(folder);
  const { name: packageName } = JSON.parse(readFileSync("package.json", "utf8")) as { name: string };
  const core = packageName === "@ppt-vit/core" ? join(folder, "vite-parts.ts") : "@ppt-vit/core/backend";
  const titleOf = ({ name }: Part) => JSON.stringify(`${packageName}/${name}`);

  const esbuild: EsbuildPlugin = {
    name: "lazy-parts",
    setup(build) {
      const { initialOptions } = build;
      const entries = initialOptions.entryPoints as (string | { in: string; out: string })[];
      if (parts.length > 0)
        initialOptions.entryPoints = [
          ...entries,
          ...parts.map(({ name }) => ({ in: `part:${name}`, out: `vite/${name}` })),
        ] as { in: string; out: string }[];
      build.onResolve({ filter: /^part:/ }, ({ path }) => ({ path: path.slice("part:".length), namespace: "part" }));
      build.onLoad({ filter: /./, namespace: "part" }, ({ path }) => {
        const part = parts.find(({ name }) => name === path)!;
        const from = (file: string) => JSON.stringify(file);
        return {
          contents: `import { offerPart } from ${from(core)};\nimport * as part from ${from(`${part.file}.ts`)};\nofferPart(${titleOf(part)}, part);`,
          resolveDir: folder,
        };
      });
      build.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        const text = await readFile(path, "utf8");
        const contents = text
          .replaceAll(marked, (whole, file: string) => {
            const part = parts.find((one) => one.file === resolve(dirname(path), file))!;
            return `(inViteBuildHere ? runPartHere(${titleOf(part)}, __partAddress("${part.name}")) : ${whole})`;
          })
          .replaceAll(lazy, (whole) => `(inViteBuildHere ? __eagerHere : ${whole})`);
        if (contents === text) return undefined;
        const helpers = `import { inViteBuild as inViteBuildHere, runPart as runPartHere } from ${JSON.stringify(core)};`;
        // Behind the rest, so that the lines of the source stay where they are.
        return { contents: `${contents}\n${helpers}`, loader: "ts" };
      });
    },
  };
  const tsup: TsupPlugin = {
    name: "lazy-parts",
    async buildEnd({ writtenFiles }) {
      for (const { name: file } of writtenFiles.filter(({ name }) => name.endsWith(".js"))) {
        const text = await readFile(file, "utf8");
        const named = placeholders
          .reduce((sofar, [what, by]) => sofar.replaceAll(what, by), text)
          .replace(unneeded, "");
        if (/__partAddress|__eagerHere/.test(named)) throw new Error(`${file}: an import() was not written for Vite`);
        if (named !== text) await writeFile(file, named);
      }
    },
  };
  return { esbuild: [esbuild], tsup: [tsup] };
}
