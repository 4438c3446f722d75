/** Tests what a page loads if it leaves the model to a worker. */
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { expect, it } from "vitest";

const pathOf = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

/** The sources that a bundle of `entry` contains, as paths from `packages/` on. */
async function sourcesOf(entry: string): Promise<string[]> {
  const { metafile } = await build({
    entryPoints: [pathOf(entry)],
    alias: {
      "@ppt-vit/core": pathOf("../../core/src/index.ts"),
      "@ppt-vit/core/backend": pathOf("../../core/src/backend.ts"),
      "@ppt-vit/core/loading": pathOf("../../core/src/loading.ts"),
      "@ppt-vit/core/on-demand": pathOf("../../core/src/on-demand.ts"),
      "@ppt-vit/core/options": pathOf("../../core/src/options.ts"),
    },
    external: ["@ppt-vit/backend-*"],
    loader: { ".wat": "binary" },
    bundle: true,
    format: "esm",
    metafile: true,
    write: false,
    logLevel: "silent",
  });
  const [output] = Object.values(metafile.outputs);
  return Object.entries(output!.inputs).flatMap(([path, { bytesInOutput }]) =>
    bytesInOutput > 0 ? [path.replace(/^.*packages\//, "")] : [],
  );
}

const modelCode = /core\/src\/(reduction|eager|executable|vit\/(model|program))|pipeline\/src\/(backends|tasks\/open)/;

it("the page's side of a worker holds the tasks, and nothing of the model", async () => {
  const sources = await sourcesOf("../src/browser/worker.ts");
  expect(sources).toContain("pipeline/src/tasks/image-classification.ts");
  expect(sources.filter((path) => modelCode.test(path))).toEqual([]);
  const served = await sourcesOf("../src/browser/serve.ts");
  expect(served.filter((path) => modelCode.test(path)).length).toBeGreaterThan(5);
});
