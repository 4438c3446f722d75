/** Tests jobs of `ppt-vit embed` as real processes: killed at any moment, shared, and on bad input. */
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import sharp from "sharp";
import { beforeAll, describe, expect, test } from "vitest";
import { thisHolder } from "../packages/cli/src/files/holder.js";
import { root, run } from "../scripts/workspace.mjs";
import { main, runPptVit, temporaryFolder } from "./built.js";

const model = join(root, "packages/pipeline/fixtures/vit");
const home = temporaryFolder("jobs");
const inHome = (name: string) => join(home, name);

/** Pictures of the folder `in`. */
const count = 60;

beforeAll(async () => {
  mkdirSync(inHome("in"));
  for (let i = 0; i < count; i++) {
    const data = Buffer.alloc(3 * 64, (i * 37) % 251).fill(i, 0, 60);
    await sharp(data, { raw: { width: 8, height: 8, channels: 3 } })
      .resize(30 + (i % 7), 40)
      .toFile(inHome(`in/${String(i).padStart(3, "0")}.png`));
  }
  writeFileSync(inHome("in/007.png"), "no picture");
  writeFileSync(inHome("poison.mjs"), poison);
});

/** A backend like `cpu` that ends the process when it sees a white picture, and hangs when it sees a grey one. */
const poison = `
import { createCpuBackend } from ${JSON.stringify(pathToFileURL(join(root, "packages/backend-cpu/dist/index.js")).href)};
const cpu = createCpuBackend();
export default {
  ...cpu,
  name: "poison",
  async compile(program, options) {
    const executable = await cpu.compile(program, options);
    return {
      ...executable,
      async run(feeds) {
        for (const { data, shape } of Object.values(feeds)) {
          const size = data.length / shape[0];
          for (let i = 0; i < data.length; i += size) {
            const picture = data.subarray(i, i + size);
            if (picture.some((value) => value !== picture[0])) continue;
            if (picture[0] > 0) process.kill(process.pid, "SIGKILL");
            while (picture[0] > -0.5);
          }
        }
        return executable.run(feeds);
      },
      dispose: () => executable.dispose(),
    };
  },
};
`;

const settings = ["-m", model, "--no-ppt", "--part-size", "9", "--batch", "4", "--format", "jsonl"];
const cpu = [...settings, "-b", "cpu"];
const embed = (...args: string[]) => runPptVit(home, ["embed", ...args]);

/** The rows of a job, joined. */
async function merged(out: string): Promise<string> {
  const { code, stderr } = await runPptVit(home, ["merge", out, "-o", `${out}.jsonl`]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return readFileSync(inHome(`${out}.jsonl`), "utf8");
}
const rowsOf = (text: string) =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

/** Starts a job, and kills it once there are `parts` parts, whatever it is doing. */
function killAfter(parts: number, out: string, args: readonly string[]): Promise<NodeJS.Signals | null> {
  mkdirSync(inHome(out), { recursive: true });
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [main, "embed", "in", ...args, "-o", out], { cwd: home, stdio: "ignore" });
    const watcher = watch(inHome(out), () => {
      if (readdirSync(inHome(out)).filter((name) => name.startsWith("part-")).length >= parts) child.kill("SIGKILL");
    });
    child.on("close", (_, signal) => {
      watcher.close();
      resolve(signal);
    });
  });
}

let whole: string;
beforeAll(async () => {
  const { code, stderr } = await embed("in", ...cpu, "-o", "whole");
  expect(code, stderr).toBe(0);
  expect(stderr).toContain("007.png: not a readable picture");
  expect(stderr).toMatch(
    /ppt-vit: embed: 60 pictures in 7 parts of 7, 1 with errors, \d+ s, [\d.]+\/s, waiting [\d.]+ %\n/,
  );
  whole = await merged("whole");
});

describe("a job", () => {
  test("has a row for each picture, in order, with size, hash, error and the pipeline's numbers", async () => {
    const rows = rowsOf(whole);
    expect(rows.map(({ path }) => path)).toEqual(
      readdirSync(inHome("in"))
        .sort()
        .map((name) => `in/${name}`),
    );
    expect(rows[7]).toMatchObject({
      size: null,
      sha256: null,
      embedding: null,
      error: expect.stringMatching(/^in\/007\.png: not a readable picture.*\[INVALID_IMAGE\]$/),
    });
    expect(Object.keys(rows[0])).toEqual(["path", "size", "sha256", "error", "embedding"]);
    expect(rows[0]).toMatchObject({
      size: readFileSync(inHome("in/000.png")).length,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      error: null,
    });
    const { stdout } = await embed("in/000.png", ...settings.slice(0, 3), "-b", "cpu");
    expect(rows[0].embedding).toEqual(JSON.parse(stdout).embedding);
    expect(readdirSync(inHome("whole/_job")).filter((name) => !/^(job|part-\d{6})\.json$/.test(name))).toEqual([]);
  });

  test("that was killed twice and goes on, in shards and shared with others, gives the same rows", async () => {
    expect(await killAfter(2, "killed", cpu)).toBe("SIGKILL");
    expect(await killAfter(4, "killed", cpu)).toBe("SIGKILL");
    expect((await runPptVit(home, ["merge", "killed", "-o", "no.jsonl"])).stderr).toMatch(
      /killed: \d of 7 parts are not done \([\d, -]+\): run the command again/,
    );
    const again = await embed("in", ...cpu, "-o", "killed");
    expect(again.stderr).toMatch(/going on with killed: \d of 7 parts done/);
    expect(await merged("killed")).toBe(whole);

    // Two workers of the second shard do not disturb each other.
    const shards = ["1/3", "2/3", "2/3", "3/3"].map((shard) => embed("in", ...cpu, "-o", "shards", "--shard", shard));
    expect((await Promise.all(shards)).map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect(await merged("shards")).toBe(whole);

    const workers = await Promise.all([1, 2].map(() => embed("in", ...cpu, "-o", "claimed", "--claim")));
    expect(workers.map(({ code }) => code)).toEqual([0, 0]);
    const parts = workers.map(({ stderr }) => Number(/in (\d) parts? of 7/.exec(stderr)![1]));
    expect(parts[0]! + parts[1]!).toBe(7);
    expect(await merged("claimed")).toBe(whole);
  });

  test("is stopped once by a picture that ends the process or hangs it, which becomes a row with an error", async () => {
    cpSync(inHome("in"), inHome("poisoned"), { recursive: true });
    for (const [name, background] of Object.entries({ "030": "#fff", "050": "#646464" }))
      await sharp({ create: { width: 40, height: 40, channels: 3, background } }).toFile(
        inHome(`poisoned/${name}.png`),
      );
    const args = ["poisoned", ...settings, "-b", "./poison.mjs", "-o", "sick", "--stall", "2"];
    expect((await embed(...args)).code).not.toBe(0);
    const left = (name: string) => `poisoned/${name}.png: left out, because the process in which it was decoded ended`;
    const hung = await embed(...args);
    expect(hung.code).not.toBe(0);
    expect(hung.stderr).toContain(left("030"));
    expect(hung.stderr).toContain("no picture got done for 2 s (--stall): this process ends itself");
    const { code, stderr } = await embed(...args);
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining(left("050")) });
    const [rows, expected] = [rowsOf(await merged("sick")), rowsOf(whole)];
    const failed = rows.flatMap(({ error }, i) => (error === null ? [] : [i]));
    expect(failed).toEqual([7, 30, 50]);
    // The others of its batch have the numbers that they have without it.
    for (const [i, { embedding }] of rows.entries())
      if (!failed.includes(i)) expect(embedding).toEqual(expected[i].embedding);
  });

  test("takes over the part of a worker that is silent for a lease, wherever it ran", async () => {
    mkdirSync(inHome("silent/_job"), { recursive: true });
    const holder = { pid: 1, host: "elsewhere", started: null, since: "2099-01-01T00:00:00.000Z", token: "t" };
    writeFileSync(inHome("silent/_job/part-000003.claim"), JSON.stringify(holder));
    expect((await embed("in", ...cpu, "-o", "silent", "--lease", "1")).code).toBe(0);
    expect(await merged("silent")).toBe(whole);
  });

  test("is refused while another process writes its folder, unless both share", async () => {
    mkdirSync(inHome("busy/_job"), { recursive: true });
    const holder = { ...thisHolder(), since: "2099-01-01T00:00:00.000Z" };
    writeFileSync(inHome("busy/_job/part-000003.claim"), JSON.stringify(holder));
    const { code, stderr } = await embed("in", ...cpu, "-o", "busy");
    expect(code).toBe(2);
    expect(stderr).toContain(
      `busy is being written by process ${process.pid} on ${holder.host} since 2099-01-01T00:00:00.000Z: wait for its end, or let both share the work with --claim`,
    );
  });
});

test("classify works as a job, too, and reads an archive", async () => {
  await run("tar", ["-cf", inHome("in.tar"), "-C", inHome("in"), "000.png", "001.png", "007.png"]);
  const classified = (...args: string[]) =>
    runPptVit(home, ["classify", ...args, "-m", model, "-b", "cpu", "--no-ppt"]);
  const { code } = await classified("in.tar", "in/002.png", "-o", "labels", "--top", "2", "--format", "jsonl");
  expect(code).toBe(0);
  const { images } = JSON.parse(
    (await classified("in/000.png", "in/001.png", "in/002.png", "--top", "2", "--json")).stdout,
  );
  const expected = images.map(({ labels }: { labels: { label: string; probability: number }[] }) => ({
    ...{ error: null, label: labels[0]!.label, score: labels[0]!.probability },
    ...{ labels: labels.map(({ label }) => label), scores: labels.map(({ probability }) => probability) },
  }));
  const rows = rowsOf(readFileSync(inHome("labels/part-000000.jsonl"), "utf8"));
  expect(rows.map(({ path }) => path)).toEqual(["in.tar/000.png", "in.tar/001.png", "in.tar/007.png", "in/002.png"]);
  expect([rows[0], rows[1], rows[3]]).toMatchObject(expected);
  expect(rows[2]).toMatchObject({
    label: null,
    labels: null,
    error: expect.stringContaining("in.tar/007.png: not a readable picture"),
  });
});

describe("a job is refused", () => {
  test.each([
    {
      what: "other settings",
      args: ["in", ...cpu, "--normalize"],
      says: "whole holds a job with other settings: normalize false there, true here",
    },
    {
      what: "another list of pictures",
      args: ["in", ...cpu, "--limit", "59"],
      says: "number of pictures 60 there, 59 here",
    },
    { what: "another size of parts", args: ["in", ...cpu, "--part-size", "5"], says: "partSize 9 there, 5 here" },
  ])("on $what", async ({ args, says }) => {
    const { code, stdout, stderr } = await embed(...args, "-o", "whole");
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(says);
    expect(stderr).toContain("[INVALID_OPTION]");
  });

  test.each([
    { args: ["in", "--claim"], says: "claim: only for results in files: name their folder with --out" },
    { args: ["in", "--null"], says: "null: only for results in files" },
    { args: ["in", "-o", "x", "--claim", "--shard", "1/2"], says: "--claim shares all parts, and --shard does some" },
    { args: ["in", "-o", "x", "--shard", "3/2"], says: "expected I/N, as in 1/8 to 8/8" },
    { args: ["in", "-o", "x", "--format", "jsonl", "--vectors", "float16"], says: "numbers in JSON have no float16" },
    { args: ["in", "-o", "in/000.png"], says: "in/000.png" },
  ])("with $args", async ({ args, says }) => {
    const { code, stderr } = await embed(...args, "-m", model, "-b", "cpu", "--no-ppt");
    expect(stderr).toContain(says);
    expect(code).toBe(2);
  });
});

test("check names what is missing and damaged, and lets it be computed again", async () => {
  cpSync(inHome("whole"), inHome("hurt"), { recursive: true });
  const good = await runPptVit(home, ["check", "hurt"]);
  expect(good).toMatchObject({
    code: 0,
    stdout: "hurt: embed to jsonl: 7 of 7 parts done, 60 of 60 rows, 1 with errors\n",
  });
  const file = inHome("hurt/part-000002.jsonl");
  writeFileSync(file, readFileSync(file, "utf8").replace("0.1", "0.2"));
  rmSync(inHome("hurt/part-000004.jsonl"));
  rmSync(inHome("hurt/_job/part-000005.json"));
  writeFileSync(inHome("hurt/notes.txt"), "");
  const bad = await runPptVit(home, ["check", "hurt", "--json"]);
  expect(bad.code).toBe(1);
  expect(JSON.parse(bad.stdout)).toMatchObject({
    ...{ parts: 7, done: 4, missing: [5], strange: ["notes.txt"], again: [], complete: false },
    damaged: [
      { part: 2, problem: "part-000002.jsonl is not as it was written" },
      { part: 4, problem: "part-000004.jsonl is missing" },
    ],
  });
  expect((await runPptVit(home, ["merge", "hurt", "-o", "hurt.jsonl"])).stderr).toContain(
    "part 4: part-000004.jsonl is missing: run ppt-vit check --redo damaged",
  );
  expect((await runPptVit(home, ["check", "hurt", "--redo", "failed"])).stderr).toContain(
    "parts 0, 2, 4 will be computed again",
  );
  expect((await embed("in", ...cpu, "-o", "hurt")).code).toBe(0);
  expect(await merged("hurt")).toBe(whole);
  expect(existsSync(inHome("hurt/notes.txt"))).toBe(true);
});
