/** Tests how a model's folder is filled when the file system fails in rare ways. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { fillFolder } from "../src/commands/export/model-folder.js";
import { writeError } from "../src/files/errors.js";

vi.mock("node:fs", async (importOriginal) => {
  const fs = await importOriginal<typeof import("node:fs")>();
  return { ...fs, renameSync: vi.fn(fs.renameSync) };
});
const fs = await vi.importActual<typeof import("node:fs")>("node:fs");

let home: string;
let out: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "ppt-vit-folder-"));
  out = join(home, "out");
});
afterEach(() => {
  vi.mocked(renameSync).mockImplementation(fs.renameSync);
  rmSync(home, { recursive: true });
});

function put(path: string, content: string) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

/** Paths and contents of all files in a folder. */
const contentOf = (folder: string) =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((file) => statSync(join(folder, file)).isFile())
      .map((file) => [file.replaceAll("\\", "/"), readFileSync(join(folder, file), "utf8")]),
  );

const files = ["config.json", "onnx/model.onnx"];
const all = (content: string) => Object.fromEntries(files.map((file) => [file, content]));

/** An export that writes `content` into each of its files. */
const fill = (content: string, force = false) =>
  fillFolder(out, { force }, async (putFile) => {
    for (const file of files) expect(await putFile(file, content)).toBe(content.length);
  });

const failure = (code: string, path?: string) =>
  Object.assign(new Error(`${code}: as the test wants it`), { code, ...(path && { path }) });

describe("errors of the file system", () => {
  it.each([
    ["ENOSPC", "the disk is full: free space, or choose another --out (ENOSPC)"],
    ["EDQUOT", "the disk quota is used up: free space, or choose another --out (EDQUOT)"],
    ["EROFS", "lies on a read-only file system: choose another --out (EROFS)"],
    ["EIO", "cannot be written (EIO)"],
  ])("%s says what to do", (code, says) => {
    const cause = failure(code);
    expect(writeError("some/out", cause)).toMatchObject({ code: "WRITE_FAILED", message: `some/out: ${says}`, cause });
  });

  it("others stay what they are", () => {
    for (const error of [new TypeError("x is not a function"), "text", undefined])
      expect(writeError("out", error)).toBe(error);
  });

  it("of the source are not blamed on the folder", async () => {
    const error = failure("EACCES", "/models/config.json");
    await expect(fillFolder(out, { force: false }, () => Promise.reject(error))).rejects.toBe(error);
    expect(readdirSync(home)).toEqual([]);
  });

  it("of the folder are, where a file cannot be written", async () => {
    const filling = fillFolder(out, { force: false }, async (putFile) => {
      await putFile("onnx", "a file");
      await putFile("onnx/model.onnx", "a file below it");
    });
    await expect(filling).rejects.toMatchObject({ code: "WRITE_FAILED", message: expect.stringContaining(`${out}: `) });
    expect(readdirSync(home)).toEqual([]);
  });
});

describe("swapping what is there", () => {
  beforeEach(() => fill("earlier"));

  /** Makes renaming fail `times` times, from the `count`-th call on. */
  function failRenames(count: number, times: number) {
    let calls = 0;
    vi.mocked(renameSync).mockImplementation((from, to) => {
      calls++;
      if (calls >= count && calls < count + times) throw failure("EIO");
      fs.renameSync(from, to);
    });
  }

  it("replaces it", async () => {
    await fill("later", true);
    expect(contentOf(out)).toEqual(all("later"));
    expect(readdirSync(out)).toHaveLength(files.length);
  });

  it.each([1, 2, 3, 4])("puts everything back where moving fails at step %i", async (step) => {
    failRenames(step, 1);
    await expect(fill("later", true)).rejects.toMatchObject({
      code: "WRITE_FAILED",
      message: `${out}: cannot be written (EIO)`,
    });
    expect(contentOf(out)).toEqual(all("earlier"));
    expect(readdirSync(out)).toHaveLength(files.length);
  });

  it("keeps the earlier export, and says where it is, where putting back fails too", async () => {
    failRenames(3, Number.POSITIVE_INFINITY);
    const { message } = await fill("later", true).then(
      () => expect.fail("must fail"),
      (error: Error) => error,
    );
    const [, old] =
      /^.*: cannot be written \(EIO\), and the earlier export could not be put back: .* lies in (.*)$/.exec(message)!;
    expect(contentOf(old!)).toEqual(all("earlier"));
    expect(existsSync(join(dirname(old!), "new"))).toBe(false);

    // The leftover does not hinder the next attempt, which needs --force.
    vi.mocked(renameSync).mockImplementation(fs.renameSync);
    await expect(fill("later")).rejects.toMatchObject({ code: "INVALID_OPTION" });
    expect(contentOf(old!)).toEqual(all("earlier"));
    await fill("later", true);
    expect(contentOf(out)).toEqual(all("later"));
    expect(readdirSync(out)).toHaveLength(files.length);
  });
});

describe("what a killed export has left", () => {
  /** A process id above the highest that Linux assigns. */
  const gone = 2 ** 22 + 1;

  it.each([
    ["in an empty folder", () => join(out, `.ppt-vit-${gone}-abc123`)],
    ["beside a folder that was never made", () => `${out}.ppt-vit-${gone}-abc123`],
  ])("%s is cleared away by the next one", async (_where, leftover) => {
    put(join(leftover(), "new/onnx/model.onnx"), "half");
    await fill("whole");
    expect(contentOf(home)).toEqual({ "out/config.json": "whole", "out/onnx/model.onnx": "whole" });
    expect(existsSync(leftover())).toBe(false);
  });

  it("with an earlier export in it gives way to --force alone, when the new one is there", async () => {
    const leftover = join(out, `.ppt-vit-${gone}-abc123`);
    put(join(out, "config.json"), "later");
    put(join(leftover, "old/onnx/model.onnx"), "earlier");
    put(join(leftover, "new/onnx/model.onnx"), "later");
    await expect(fill("whole")).rejects.toMatchObject({ code: "INVALID_OPTION" });
    const failing = fillFolder(out, { force: true }, () => Promise.reject(new Error("no model")));
    await expect(failing).rejects.toThrow("no model");
    expect(contentOf(leftover)).toEqual({ "old/onnx/model.onnx": "earlier", "new/onnx/model.onnx": "later" });
    await fill("whole", true);
    expect(contentOf(out)).toEqual(all("whole"));
    expect(existsSync(leftover)).toBe(false);
  });

  it("stays where somebody has put something else into it", async () => {
    const [inside, beside] = [join(out, `.ppt-vit-${gone}-abc123`), `${out}.ppt-vit-${gone}-abc123`];
    put(join(beside, "thesis.txt"), "mine");
    await fill("whole");
    expect(contentOf(beside)).toEqual({ "thesis.txt": "mine" });
    put(join(inside, "new/thesis.txt"), "mine");
    await expect(fill("again", true)).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringContaining("holds files that no export wrote (.ppt-vit-"),
    });
    expect(contentOf(inside)).toEqual({ "new/thesis.txt": "mine" });
  });

  it("is left alone while the export that writes it runs", async () => {
    const running = join(out, `.ppt-vit-${process.ppid}-abc123`);
    put(join(running, "new/config.json"), "half");
    await expect(fill("whole")).rejects.toMatchObject({ code: "INVALID_OPTION" });
    await fill("whole", true);
    expect(contentOf(running)).toEqual({ "new/config.json": "half" });
    expect(readFileSync(join(out, "config.json"), "utf8")).toBe("whole");
  });
});
