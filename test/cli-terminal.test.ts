/** Tests that foreign text never reaches the terminal unescaped, and that output that cannot be written is an error. */
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../scripts/workspace.mjs";
import { writeTinyModel } from "./browser/bench-model.js";
import { automatic, dog, main } from "./built.js";

const recorded = join(root, "benchmarks/results/runs.ndjson");
const posix = process.platform !== "win32";

let home: string;
const at = (...parts: string[]) => join(home, ...parts);

/** Output as bytes, so that invalid UTF-8 shows. */
function pptVit(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { cwd: home });
  return check(status, stdout, stderr);
}

/** Runs in a shell, for redirections. `$PPT` is the program. */
function shell(command: string) {
  const env = { ...process.env, PPT: `${process.execPath} ${main}` };
  const { status, stdout, stderr } = spawnSync("sh", ["-c", command.replaceAll("ppt-vit ", "$PPT ")], {
    cwd: home,
    env,
  });
  return check(status, stdout, stderr);
}

const hostile = {
  sequence: "\x1b[31mred",
  title: "\x1b]0;title\x07",
  c1: "two\x9b31mred",
  newline: "three\nBROKEN",
  bidi: "four\u202egnp.exe",
  hidden: "five\u200b\u2028BROKEN",
  surrogate: "six\ud800",
};
const labels = Object.values(hostile);

/** The rule of all output: only printable characters, and the program's own line ends. */
function check(code: number | null, stdout: Buffer, stderr: Buffer) {
  for (const bytes of [stdout, stderr]) {
    const text = bytes.toString("utf8");
    expect(Buffer.from(text).equals(bytes), "valid UTF-8").toBe(true);
    expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Co}\p{Cn}]/u);
    expect(text).not.toMatch(/^BROKEN/m);
    expect(text).not.toContain("unexpected error");
  }
  return { code, stdout: stdout.toString(), stderr: stderr.toString() };
}

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "ppt-vit-terminal-"));
  mkdirSync(at("model"));
  writeTinyModel(at("model"));
  cpSync(at("model"), at("hostile"), { recursive: true });
  const config = JSON.parse(readFileSync(at("model/config.json"), "utf8"));
  const id2label = Object.fromEntries(labels.slice(0, 6).map((label, i) => [i, label]));
  writeFileSync(at("hostile/config.json"), JSON.stringify({ ...config, id2label }));
  cpSync(dog, at("dog.png"));
});
afterAll(() => rmSync(home, { recursive: true }));

describe("labels of a checkpoint", () => {
  test("are escaped for people, and read back from JSON as they are", () => {
    const text = pptVit("classify", "--model", "./hostile", "-k", "6", "dog.png");
    expect(text.code).toBe(0);
    expect(text.stdout).toContain("three\\nBROKEN");
    expect(text.stdout).toContain("\\u001b[31mred");
    const { stdout } = pptVit("classify", "--model", "./hostile", "-k", "6", "--json", "dog.png");
    const found = JSON.parse(stdout).images[0].labels.map(({ label }: { label: string }) => label);
    expect(found.sort()).toEqual(labels.slice(0, 6).sort());
    expect(pptVit("info", "./hostile").stdout).toContain("6: \\u001b[31mred");
    expect(JSON.parse(pptVit("info", "--json", "./hostile").stdout).model.labels).toEqual(labels.slice(0, 6));
  });
});

test("names in an ONNX file are escaped", () => {
  expect(pptVit("export", "--model", "./model", "--out", "onnx", "--dtype", "fp32").code).toBe(0);
  const file = at("onnx/onnx/model.onnx");
  // The new name has the same length, so the file stays valid.
  const [name, other] = ["pixel_values", "pix\x1b[31mvals"];
  writeFileSync(file, Buffer.from(readFileSync(file, "latin1").replaceAll(name, other), "latin1"));
  const { code, stdout } = pptVit("info", "./onnx");
  expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining("pix\\u001b[31mvals -> logits") });
});

describe("errors", () => {
  const text = labels.join(" ");

  test("quote files as text", () => {
    mkdirSync(at("broken"));
    writeFileSync(at("broken/config.json"), `{"${text}" x}`);
    expect(pptVit("info", "./broken").stderr).toContain("[INVALID_CONFIG]");
    writeFileSync(at("broken/config.json"), JSON.stringify({ model_type: text }));
    expect(pptVit("info", "./broken").stderr).toMatch(
      /\\u001b\[31mred .*three\\nBROKEN four\\u202egnp.* \[INVALID_CONFIG\]/,
    );
    writeFileSync(at("fields.json"), JSON.stringify({ layers: [1], tokensRemoved: 4, threshold: 1, [text]: 1 }));
    const { stderr } = pptVit("classify", "--model", "./model", "--reduction", "fields.json", "dog.png");
    expect(stderr).toContain("[INVALID_REDUCTION]");
  });

  const typed = "a\x1b[31m\x9bb\nBROKEN\u202e";
  test.each([
    ["an unknown option", [`--${typed}`]],
    ["an unknown option of a command", ["classify", `--${typed}`]],
    ["an unknown command", [typed]],
    ["a value", ["classify", "--batch", typed, "dog.png"]],
    ["a choice", ["classify", "--policy", typed, "dog.png"]],
    ["a picture", ["classify", "--model", "./model", typed]],
    ["a model", ["classify", "--model", typed, "dog.png"]],
    ["a folder's model", ["info", `./${typed}`]],
    ["a backend", ["classify", "--backend", typed, "dog.png"]],
    ["a dataset", ["eval", `./${typed}`, "--model", "./model"]],
    ["settings", ["classify", "--reduction", `./${typed}`, "dog.png"]],
    ["an output", ["visualize", "-o", `${typed}/x.png`, "dog.png"]],
    ["an export's folder", ["export", "--model", "./model", "-o", `/dev/null/${typed}`]],
    ["results", ["bench", "--compare", typed, typed]],
  ])("quote arguments as text, with a code: %s", (_, args) => {
    const { code, stderr, stdout } = pptVit(...args);
    expect([1, 2]).toContain(code);
    expect(stderr).toMatch(/^ppt-vit: .*\\u001b\[31m\\u009bb\\nBROKEN\\u202e.* \[[A-Z_]+\]$/m);
    expect(stdout.split("\n").length).toBeLessThan(4);
  });

  test("name no command that is none", () => {
    for (const args of [[], ["help", "nothing"]])
      expect(pptVit(...args)).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/^ppt-vit: expected a command, as listed above \[INVALID_OPTION\]$/m),
      });
  });

  test("suggest what was meant below the complaint", () => {
    expect(pptVit("clasify").stderr.split("\n").slice(0, 2)).toEqual([
      "ppt-vit: unknown command 'clasify' [INVALID_OPTION]",
      "(Did you mean classify?)",
    ]);
  });
});

describe.skipIf(!posix)("names of files", () => {
  const names = [
    ...[
      "plain.png",
      "esc\x1b[31m.png",
      "c1\x9b2J.png",
      "line\nBROKEN.png",
      "osc\x1b]8;;http:x\x07.png",
      "tab\there.png",
    ],
    "bidi\u202egnp.png",
  ].map((name) => Buffer.from(name));
  const bytes = [Buffer.from("bad-\xff\xfe.png", "latin1"), Buffer.from("caf\xe9.png", "latin1")];
  const inFolder = (folder: string, name: Buffer) => Buffer.concat([Buffer.from(`${at(folder)}/`), name]);
  const write = (folder: string, content: string | Buffer) => {
    mkdirSync(at(folder));
    for (const name of [...names, ...bytes]) writeFileSync(inFolder(folder, name), content);
    const latin1 = inFolder(folder, Buffer.from("d\xfcr", "latin1"));
    mkdirSync(latin1);
    writeFileSync(Buffer.concat([latin1, Buffer.from("/deep.png")]), content);
  };

  test("may hold anything, also what is no UTF-8", () => {
    write("names", readFileSync(dog));
    const { code, stdout, stderr } = pptVit("classify", "--model", "./model", "names");
    expect({ code, stderr }).toEqual({ code: 0, stderr: automatic });
    expect(stdout).toContain("10 classified, 0 failed");
    const url = (name: string) => `file://${at("names")}/${name}`;
    const expected = [...names.map(String).map((name) => join("names", name)), url("bad-%FF%FE.png")].concat([
      url("caf%E9.png"),
      url("d%FCr/deep.png"),
    ]);
    const { images } = JSON.parse(pptVit("classify", "--model", "./model", "--json", "names").stdout);
    expect(images.map(({ file }: { file: string }) => file).sort()).toEqual(expected.sort());
    const lines = pptVit("embed", "--model", "./model", "names").stdout.trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line).file).sort()).toEqual(expected.sort());
    expect(pptVit("visualize", "--model", "./model", "-o", "names.svg", "names")).toMatchObject({
      code: 0,
      stderr: automatic,
    });
  });

  test("stand in errors, one line a file", () => {
    write("broken files", "x");
    const { code, stderr } = pptVit("classify", "--model", "./model", "broken files");
    expect(code).toBe(1);
    expect(stderr.trimEnd().split("\n")).toHaveLength(11);
    expect(stderr).toMatch(/^ppt-vit: file:.*bad-%FF%FE\.png: .* \[INVALID_IMAGE\]$/m);
  });

  test("are refused as arguments where Node has replaced their bytes", () => {
    writeFileSync(inFolder(".", bytes[0]!), readFileSync(dog));
    const said = "holds U+FFFD, which Node puts into arguments for bytes that are not valid UTF-8";
    const picture = shell("ppt-vit classify --model ./model dog.png $(printf 'bad-\\377\\376.png')");
    expect(picture.code).toBe(1);
    expect(picture.stdout).toContain("1 classified, 1 failed");
    expect(picture.stderr).toContain(said);
    const output = shell("ppt-vit visualize --model ./model dog.png -o $(printf 'bad-\\377\\376.png')");
    expect(output.code).toBe(2);
    expect(output.stderr).toContain(`${said}: rename the file, or give the folder that holds it [INVALID_OPTION]`);
    // A file that really has this name is accepted.
    cpSync(dog, at("really-\ufffd.png"));
    expect(pptVit("classify", "--model", "./model", "really-\ufffd.png").code).toBe(0);
  });
});

describe.skipIf(!posix)("a folder search", () => {
  test.each(["classify", "eval"])("follows links to pictures, and no circles: %s", (command) => {
    const dataset = at(`links of ${command}`);
    const folder = join(dataset, "circle");
    mkdirSync(join(folder, ".hidden"), { recursive: true });
    cpSync(dog, join(folder, ".hidden", "hidden.png"));
    symlinkSync(at("dog.png"), join(folder, "linked.png"));
    symlinkSync(".", join(folder, "circle.png"));
    symlinkSync("..", join(folder, "up"));
    symlinkSync("loop.png", join(folder, "loop.png"));
    symlinkSync("/dev/zero", join(folder, "zero.png"));
    const { code, stdout, stderr } = pptVit(command, dataset, "--model", "./model", "--json");
    expect(stderr).toContain("loop.png: cannot be read (ELOOP)");
    expect(code).toBe(1);
    const { images, pictures, failures } = JSON.parse(stdout);
    const files: { file: string }[] = images ?? pictures;
    expect(files).toEqual([expect.objectContaining({ file: expect.stringMatching(/circle\/linked\.png$/) })]);
    expect(failures).toHaveLength(1);
  });
});

describe.skipIf(!posix || !existsSync("/dev/full"))("a full disk behind stdout", () => {
  beforeAll(() => {
    mkdirSync(at("dataset/circle"), { recursive: true });
    cpSync(dog, at("dataset/circle/dog.png"));
    const evaluated = pptVit("eval", "dataset", "--model", "./model", "--shard", "1/1", "-o", "result.json");
    expect(evaluated.code, evaluated.stderr).toBe(0);
    writeFileSync(at("table.md"), "<!-- benchmarks -->\n<!-- /benchmarks -->\n");
  });

  test.each([
    "--help",
    "--version",
    "help classify",
    "classify --model ./model dog.png",
    "classify --model ./model --json dog.png",
    "embed --model ./model dog.png",
    "info ./model",
    "info ./model --json",
    "visualize --model ./model -o full.svg dog.png",
    "export --model ./model --out exported-to-full",
    "calibrate --model ./model -b cpu --images dog.png -o full.json --force",
    "eval dataset --model ./model",
    "eval merge result.json -o merged.json",
    `bench --from ${recorded} --table table.md`,
    `bench --compare ${recorded}#1 ${recorded}#2`,
  ])("is WRITE_FAILED: %s", (command) => {
    const { code, stderr } = shell(`ppt-vit ${command} > /dev/full`);
    const said =
      "ppt-vit: standard output: the disk is full: free space, or choose another place (ENOSPC) [WRITE_FAILED]\n";
    expect({ code, stderr: stderr.slice(-said.length) }).toEqual({ code: 2, stderr: said });
  });

  test("is noticed where it takes the beginning", () => {
    // The limit is one block of 512 bytes. Node's own stream would treat the partial write as complete.
    const { code, stderr } = shell("trap '' XFSZ; ulimit -f 1; ppt-vit info ./model > cut.txt");
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining("(EFBIG) [WRITE_FAILED]") });
  });

  test("does not matter behind stderr", () => {
    const { code, stdout } = shell("ppt-vit classify --model ./model missing.png dog.png 2> /dev/full");
    expect({ code, stdout }).toMatchObject({ code: 1, stdout: expect.stringContaining("1 classified, 1 failed") });
    expect(shell("ppt-vit classify 2> /dev/full").code).toBe(2);
  });
});

test.skipIf(!posix)("a reader that has seen enough is no failure", () => {
  const { stdout, stderr } = shell(
    "{ ppt-vit bench --compare /dev/null /dev/null 2>/dev/null; ppt-vit info ./model; echo code $? >&2; } | head -c 5",
  );
  expect({ stdout, stderr }).toEqual({ stdout: "./mod", stderr: "code 0\n" });
});

describe("outputs", () => {
  test.each([
    ["visualize", ["dog.png", "-o", "missing/x.png"]],
    ["calibrate", ["--images", "dog.png", "-o", "missing/x.json"]],
    ["calibrate", ["--images", "dog.png", "--report", "missing/x.html"]],
    ["bench", ["--models", "./missing", "-o", "missing/x.json"]],
  ])("are refused before a model is looked for: %s %j", (command, args) => {
    const model = command === "bench" ? [] : ["--model", "./no-such-model"];
    const { code, stderr } = pptVit(command, ...args, ...model);
    expect(stderr).toMatch(/missing\/x\.\w+: .*folder.* \[(WRITE_FAILED|INVALID_OPTION)\]/);
    expect(code).toBe(2);
  });

  test.skipIf(!posix)("are whole, or what they were before", () => {
    mkdirSync(at("out"));
    writeFileSync(at("out/tokens.svg"), "before");
    const args = "--model ./model dog.png --layers 1 -o out/tokens.svg";
    const failed = shell(`trap '' XFSZ; ulimit -f 1; ppt-vit visualize ${args}`);
    expect(failed.stderr).toContain("out/tokens.svg: the file would exceed");
    expect(failed.code).toBe(2);
    expect(readFileSync(at("out/tokens.svg"), "utf8")).toBe("before");
    expect(readdirSync(at("out"))).toEqual(["tokens.svg"]);
    expect(shell(`ppt-vit visualize ${args}`).code).toBe(0);
    expect(readFileSync(at("out/tokens.svg"), "utf8")).toMatch(/^<svg.*<\/svg>\s*$/s);
    // Something that is not a file is written to directly.
    symlinkSync("/dev/stdout", at("pipe.svg"));
    const piped = shell("ppt-vit visualize --model ./model dog.png --layers 1 -o pipe.svg | cat");
    expect(piped.stdout).toMatch(/<svg.*<\/svg>\s*wrote pipe\.svg/s);
  });

  test("are asked for as options that hold something", () => {
    for (const option of ["--models", "--backends", "--batches", "--policies"])
      expect(pptVit("bench", option, ",")).toMatchObject({
        code: 2,
        stderr: expect.stringContaining("[INVALID_OPTION]"),
      });
  });
});
