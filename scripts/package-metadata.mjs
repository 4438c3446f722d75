/** What the manifest of every published package must say, so that npm shows it, links it and finds it. */
import { posix } from "node:path";

const repository = "https://github.com/ppt-vit/ppt-vit";

/** The words by which people search for what this project does. Every package has them all, and adds its own. */
const commonKeywords = [
  "vision-transformer",
  "vit",
  "token-pruning",
  "token-merging",
  "transformers.js",
  "onnxruntime",
  "webgpu",
];

/** For each field: what it must be, and whether it is. `folder` is the package's folder below the repository. */
const fields = {
  name: [() => "@ppt-vit/FOLDER", (name, folder) => name === `@ppt-vit/${posix.basename(folder)}`],
  description: [() => "one sentence that ends with a full stop", (text) => /^[A-Z"'a-z].{20,199}\.$/.test(text ?? "")],
  license: [() => "Apache-2.0", (license) => license === "Apache-2.0"],
  author: [() => `a text with ${repository}`, (author) => typeof author === "string" && author.includes(repository)],
  homepage: [
    (folder) => `${repository}/tree/main/${folder}#readme`,
    (homepage, folder) => homepage === `${repository}/tree/main/${folder}#readme`,
  ],
  bugs: [() => `{ "url": "${repository}/issues" }`, (bugs) => bugs?.url === `${repository}/issues`],
  repository: [
    (folder) => `git+${repository}.git with directory ${folder}`,
    (found, folder) => found?.type === "git" && found.url === `git+${repository}.git` && found.directory === folder,
  ],
  keywords: [
    () => `a list with ${commonKeywords.join(", ")} and no word twice`,
    (words) =>
      Array.isArray(words) &&
      commonKeywords.every((word) => words.includes(word)) &&
      new Set(words).size === words.length,
  ],
  type: [() => "module", (type) => type === "module"],
  engines: [() => '{ "node": ">=20.19" }', (engines) => engines?.node === ">=20.19"],
  files: [
    () => "a list with dist and CHANGELOG.md",
    (files) => Array.isArray(files) && files.includes("dist") && files.includes("CHANGELOG.md"),
  ],
  // With provenance here, npm would refuse to publish from anywhere but GitHub or GitLab. The release workflow asks for it.
  publishConfig: [
    () => '{ "access": "public" } alone',
    (config) => JSON.stringify(config) === JSON.stringify({ access: "public" }),
  ],
};

/**
 * What is wrong with the manifest of the package in `folder`, one line each.
 * @param {Record<string, any>} manifest as in the repository or as packed
 * @param {string} folder the path below the repository, with `/`, such as `packages/core`
 * @returns {string[]}
 */
export function metadataProblems(manifest, folder) {
  return Object.entries(fields)
    .filter(([field, [, isRight]]) => !isRight(manifest[field], folder))
    .map(
      ([field, [wanted]]) =>
        `package.json: ${field} is ${JSON.stringify(manifest[field]) ?? "missing"}, expected ${wanted(folder)}`,
    );
}

/**
 * What is wrong with a JavaScript file's source map: it must hold the sources, because `src` is not published, and name them by
 * paths that mean the same on every machine.
 * @param {string} text the map
 * @returns {string | undefined}
 */
export function sourceMapProblem(text) {
  const { sources = [], sourcesContent = [] } = JSON.parse(text);
  if (sourcesContent.length !== sources.length || sourcesContent.some((content) => typeof content !== "string"))
    return "does not hold its sources";
  // `part:NAME` and the like are modules of the build's plugins.
  const absolute = sources.find((source) => /^(file:|https?:|([a-z]+:)?[\\/])/i.test(source));
  return absolute && `names the absolute path ${absolute}`;
}
