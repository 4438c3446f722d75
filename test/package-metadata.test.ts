/** Tests the check that keeps a package from being published without what npm shows, links and searches. */
import { expect, test } from "vitest";
import { metadataProblems, sourceMapProblem } from "../scripts/package-metadata.mjs";
import { publishedPackages } from "../scripts/packages.mjs";

const packages = publishedPackages();

test.each(packages.map(({ folder, manifest }) => [folder, manifest] as const))("%s says all", (folder, manifest) => {
  expect(metadataProblems(manifest, folder)).toEqual([]);
});

const wrong: [field: string, value: unknown][] = [
  ["name", "@ppt-vit/other"],
  ["description", "Short."],
  ["license", "MIT"],
  ["author", ""],
  ["homepage", "https://github.com/ppt-vit/ppt-vit#readme"],
  ["bugs", {}],
  ["repository", { type: "git", url: "git+https://github.com/ppt-vit/ppt-vit.git", directory: "packages/other" }],
  ["keywords", ["vit"]],
  ["type", "commonjs"],
  ["engines", { node: ">=18" }],
  ["files", ["dist"]],
  ["publishConfig", { access: "public", provenance: true }],
];
const { folder, manifest } = packages[0]!;

test.each(wrong)("a wrong or missing %s is one problem, which names it", (field, value) => {
  const named = [expect.stringMatching(new RegExp(`^package\\.json: ${field} is .+, expected `))];
  expect(metadataProblems({ ...manifest, [field]: value }, folder)).toEqual(named);
  expect(metadataProblems({ ...manifest, [field]: undefined }, folder)).toEqual(named);
});

test.each([
  [{ sources: ["../src/index.ts"], sourcesContent: ["export {}"] }, undefined],
  [{ sources: ["../src/index.ts"], sourcesContent: [null] }, "does not hold its sources"],
  [{ sources: ["../src/index.ts"] }, "does not hold its sources"],
  [{ sources: ["part:kernels", "x:../a.ts"], sourcesContent: ["", ""] }, undefined],
  [{ sources: ["x:/me/a.ts"], sourcesContent: [""] }, "names the absolute path x:/me/a.ts"],
  [{ sources: ["/home/me/index.ts"], sourcesContent: [""] }, "names the absolute path /home/me/index.ts"],
  [{ sources: ["C:\\me\\index.ts"], sourcesContent: [""] }, "names the absolute path C:\\me\\index.ts"],
  [{ sources: ["file:///me/index.ts"], sourcesContent: [""] }, "names the absolute path file:///me/index.ts"],
])("the source map %j: %s", (map, problem) => {
  expect(sourceMapProblem(JSON.stringify(map))).toBe(problem);
});
