/** The tables of compatibility, from the registries of the packages and the tests that cover them. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { conformanceCases, goldenUrl } from "@ppt-vit/conformance";
import { parseModelConfig, policies, policyNames } from "@ppt-vit/core";
import { counted } from "@ppt-vit/core/options";
import { describeBackends } from "@ppt-vit/pipeline";
import { build } from "esbuild";
import { generated, root } from "./paths.mjs";
import { suites } from "./suites.mjs";

export async function writeCompatibility() {
  const { families, tasks, cases } = await readCompatibility();
  const text = [familyTable(families, tasks), backendTable(cases), crossTable(families), policyTable(cases)];
  writeFileSync(join(generated, "compatibility.md"), text.join("\n"));
}

/**
 * The families with what they can do and the cases that run them, the tasks, and the names of all cases of the conformance suite.
 * test/compatibility.test.ts compares it with the code.
 */
export async function readCompatibility() {
  for (const { file, states } of suites)
    if (!readFileSync(join(root, file), "utf8").includes(states))
      throw new Error(`generate/suites.mjs: ${file} does not state ${states} any more`);
  const [{ families }, { tasks }] = await Promise.all([
    registry("families", "packages/core/src/vit/families/index.ts"),
    registry("tasks", "packages/pipeline/src/tasks/registry.ts"),
  ]);
  const options = { create: createCpuBackend, reference: createCpuBackend };
  const cases = await conformanceCases({ ...options, readGolden: (file) => readFileSync(new URL(file, goldenUrl)) });
  const names = cases.map(({ name }) => name);
  return { families: families.map((family) => familyFacts(family, names)), tasks, cases: names };
}

/** Imports a registry, which no package exports, from its sources. */
async function registry(name, file) {
  const outfile = join(generated, `${name}.mjs`);
  const options = { bundle: true, format: "esm", platform: "node", packages: "external", loader: { ".wat": "empty" } };
  await build({ ...options, entryPoints: [join(root, file)], outfile, logLevel: "silent" });
  return import(`${pathToFileURL(outfile)}`);
}

/**
 * Whose models a conformance case runs, by words of its name; the first that fit decide. A family is named by one of its types. Two
 * families stand together where they are the same network under other names.
 */
const runBy = [
  [/depth|DPT/i, ["depth_anything"]],
  [/dinov3/i, ["dinov3_vit"]],
  [/eva02/i, ["timm_wrapper"]],
  [/DINOv2/, ["dinov2"]],
  [/siglip/i, ["siglip"]],
  [/CLIP/, ["clip", "owlvit"]],
  [/ijepa/, ["ijepa"]],
  [/lv-?vit/i, ["lvvit"]],
  [/t2t/i, ["t2t_vit"]],
  [/./, ["vit", "timm_wrapper"]],
];

/** What a family can do, by its examples, and what it is compared with. */
function familyFacts(family, names) {
  const configs = family.examples.map((example) => parseModelConfig(example));
  const types = Object.keys(family.modelTypes);
  const whole = names.filter((name) => /^(golden|golden family|golden model|model):/.test(name));
  const cases = whole.filter((name) => runBy.find(([word]) => word.test(name))[1].some((type) => types.includes(type)));
  const folder = "packages/core/fixtures/families";
  // Those without a `model_type` are of timm, whose family is the one that recognises files by their fields.
  const compared = readdirSync(join(root, folder))
    .filter((file) => file.endsWith(".json"))
    .map((file) => JSON.parse(readFileSync(join(root, folder, file), "utf8")))
    .filter(({ model_type: type }) => (type === undefined ? family.recognises !== undefined : types.includes(type)));
  return {
    family,
    types,
    cases,
    compared: compared.length,
    labels: configs.some(({ labels }) => labels.length > 0),
    embeddings: configs.some(({ depth }) => !depth),
    zeroShot: configs.some(
      ({ labels, projection, pooling }) => labels.length === 0 && (projection !== undefined || pooling === "attention"),
    ),
    depth: configs.some(({ depth }) => depth),
  };
}

function familyTable(families, tasks) {
  const yes = (ok) => (ok ? "yes" : "no");
  const lines = families.map(({ family, types, cases, compared, labels, embeddings, zeroShot, depth }) => {
    const golden = cases.filter((name) => name.startsWith("golden")).length;
    const evidence = [
      ...(compared > 0
        ? [`[its own library](../../packages/core/test/families.test.ts): ${counted(compared, "model")}`]
        : []),
      ...(golden > 0
        ? [`[published code](../../packages/conformance/golden/README.md): ${counted(golden, "case")}`]
        : []),
    ];
    if (evidence.length === 0) throw new Error(`the family ${family.title} is compared with nothing`);
    const names = types.length > 0 ? types.map((type) => `\`${type}\``).join(", ") : "by `architecture`";
    return [family.title, names, yes(labels), yes(embeddings), yes(zeroShot), yes(depth), evidence.join(", ")];
  });
  return `## Families and tasks

${tasks.map(({ name, title }) => `- \`${name}\`: ${title}`).join("\n")}

${table(["family", "`model_type`", "labels", "embeddings, dense features", "zero-shot labels", "depth", "compared with"], lines)}

Every family runs unreduced and with every policy. Without a class token the mean query scores the tokens.
[The contract of families](../../packages/core/test/family-contract.test.ts) reads the examples of each under all names of tensors, and
[a test of this table](../../test/compatibility.test.ts) loads them for every task.
`;
}

/** What must be installed: on every platform, or on each. */
function packagesText(packages) {
  const list = (names) => names.map((one) => `\`${one}\``).join(", ");
  if (Array.isArray(packages)) return list(packages) || "nothing";
  return Object.entries(packages)
    .map(([place, names]) => `${list(names)} (${{ node: "Node", browser: "browsers" }[place]})`)
    .join(", ");
}

function backendTable(names) {
  const lines = describeBackends().map(({ name, runsIn, packages = [], needs, rank }) => {
    const own = suites.filter(({ backend }) => backend === name);
    if (own.length === 0) throw new Error(`generate/suites.mjs lists no test of the backend ${name}`);
    const precisions = [...new Set(own.map(({ dtype }) => dtype))].join(", ");
    const tests = own.map(({ where, dtype, file, cases, note }) => {
      const count = names.filter((one) => cases.some((start) => one.startsWith(start))).length;
      const what = [...(count > 0 ? [`${count} of ${names.length} cases`] : []), ...(note ? [note] : [])].join(", ");
      return `[${where}, ${dtype}](../../${file}): ${what}`;
    });
    return [
      `\`${name}\``,
      (runsIn ?? ["node", "browser"]).map((place) => ({ node: "Node", browser: "browsers" })[place]).join(", "),
      packagesText(packages),
      needs ?? "",
      precisions,
      rank
        ? Object.keys(rank)
            .map((place) => ({ node: "Node", browser: "browsers" })[place])
            .join(", ")
        : "no",
      tests.join("; "),
    ];
  });
  return `## Backends and precisions

${table(["backend", "runs in", "runtime", "needs", "precisions", "`auto` considers it in", "conformance suite"], lines)}

Half precision on WebGPU needs an adapter with \`shader-f16\`. Our machines have none, so no test covers it; \`ppt-vit doctor\` and
\`verify: true\` check it on yours. In half precision, scores and variances stay float32. \`dtype: "q8"\`
and \`"q4"\` ([choose a precision](guide/precision.md)) work on every backend: every suite has cases of their operations. Exported files of
every precision are run [in Python](../../test/python-client.test.ts) and [in transformers.js](../../test/transformers-client.test.ts).
`;
}

/** Families against backends: how many whole models of the family the suite of that backend runs. */
function crossTable(rows) {
  const columns = suites.filter(({ cases }) => cases.length > 0);
  const lines = rows.map(({ family, cases }) => [
    family.title,
    ...columns.map((suite) => {
      const count = cases.filter((name) => suite.cases.some((start) => name.startsWith(start))).length;
      return count > 0 ? String(count) : "-";
    }),
  ]);
  const heads = columns.map(({ backend, where, dtype }) => `${backend}, ${where}, ${dtype}`);
  return `## Families on backends

All families run [one program](../../packages/core/src/vit/program.ts), so what differs from a backend's view are operations, and
each suite covers all of those. Beyond that, suites run whole models. A number says how many cases with whole models of that family, or
of the same kind, the suite of a backend runs; "-" means that only its operations are tested there.

${table(["family", ...heads], lines)}
`;
}

function policyTable(names) {
  const lines = policyNames.map((name) => {
    const { title, description } = policies.find((policy) => policy.name === name);
    const count = names.filter((one) => one === `policy: ${name}` || one.startsWith(`policy: ${name}`)).length;
    if (count === 0) throw new Error(`the suite has no case of the policy ${name}`);
    return [`\`${name}\``, title, description, `${count} cases`];
  });
  return `## Policies

Each policy is compared with a reference in plain TypeScript, on every backend that runs the whole suite.

${table(["policy", "title", "what it does", "suite"], lines)}
`;
}

const table = (heads, lines) =>
  [heads, heads.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
