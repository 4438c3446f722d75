/** Kubernetes: the manifest against the schema of its API, and the call in it with every index. Without a cluster no pod runs. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { load } from "js-yaml";
import { examples } from "./bench.mjs";

/** Classes with the schema of each kind, generated from the API's own. */
const models = "kubernetes-models@5.1.0";

export const kubernetes = {
  name: "kubernetes",
  lacks: () => undefined,
  async check(bench) {
    const home = join(bench.home, "kubernetes");
    mkdirSync(home);
    writeFileSync(join(home, "package.json"), '{ "private": true, "type": "module" }\n');
    const install = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", models];
    bench.run("npm", install, { cwd: home });
    writeFileSync(join(home, "validate.mjs"), 'export { Job } from "kubernetes-models/batch/v1";\n');
    const { Job } = await import(pathToFileURL(join(home, "validate.mjs")).href);
    const manifest = load(readFileSync(join(examples, "kubernetes", "embed.yaml"), "utf8"));
    new Job(manifest).validate();
    const wrong = structuredClone(manifest);
    wrong.spec.completions = "eight";
    if (isValid(() => new Job(wrong).validate())) throw new Error("the schema accepts a manifest that is wrong");

    // What the pods run, one after the other, with the paths and the model of this test.
    const [{ command, args }] = manifest.spec.template.spec.containers;
    const shell = command.indexOf("sh");
    if (command[shell + 1] !== "-c") throw new Error(`a pod runs ${command.join(" ")}, expected a shell with -c`);
    const call = args[0]
      .replace("/data/pictures", "pictures")
      .replace("/data/vectors", "by-kubernetes")
      .replace("--model /data/model --batch 8", bench.options.join(" "));
    for (let index = 0; index < manifest.spec.completions; index++)
      bench.run("sh", ["-c", call], { env: { ...bench.env, JOB_COMPLETION_INDEX: String(index) } });
    bench.requireSame("by-kubernetes");
  },
};

function isValid(validate) {
  try {
    validate();
    return true;
  } catch {
    return false;
  }
}
