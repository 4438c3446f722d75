import { spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { requireWritable, writeFileWhole } from "../src/files/write-file.js";

vi.mock("node:fs", async (importOriginal) => {
  const fs = await importOriginal<typeof import("node:fs")>();
  return { ...fs, writeFileSync: vi.fn(fs.writeFileSync), renameSync: vi.fn(fs.renameSync) };
});
const fs = await import("node:fs");
const actual = await vi.importActual<typeof import("node:fs")>("node:fs");

let home: string;
const at = (...parts: string[]) => join(home, ...parts);
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "ppt-vit-write-"));
});
afterEach(() => rmSync(home, { recursive: true }));

const failing = (code: string) => Object.assign(new Error(code), { code });
const thrownBy = (action: () => void): unknown => {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
};

describe("writeFileWhole", () => {
  it("writes new files and replaces others, keeping their permissions", () => {
    writeFileWhole(at("new"), "text");
    expect(readFileSync(at("new"), "utf8")).toBe("text");
    chmodSync(at("new"), 0o640);
    writeFileWhole(at("new"), new Uint8Array([1, 2]));
    expect([...readFileSync(at("new"))]).toEqual([1, 2]);
    // Windows knows no permissions of groups.
    if (process.platform !== "win32") expect(statSync(at("new")).mode & 0o777).toBe(0o640);
    expect(readdirSync(home)).toEqual(["new"]);
  });

  it("follows links, also to what does not exist yet", () => {
    mkdirSync(at("elsewhere"));
    symlinkSync(join("elsewhere", "file"), at("link"));
    symlinkSync("link", at("link to link"));
    for (const content of ["first", "second"]) {
      writeFileWhole(at("link to link"), content);
      expect(readFileSync(at("elsewhere", "file"), "utf8")).toBe(content);
    }
    expect(readdirSync(home).sort()).toEqual(["elsewhere", "link", "link to link"]);
  });

  it.each(["ENOSPC", "EIO"])("leaves what was there, and nothing else, on %s", (code) => {
    writeFileSync(at("file"), "before");
    vi.mocked(fs.writeFileSync).mockImplementationOnce((path, data) => {
      actual.writeFileSync(path, String(data).slice(0, 3));
      throw failing(code);
    });
    expect(thrownBy(() => writeFileWhole(at("file"), "after"))).toMatchObject({ code: "WRITE_FAILED" });
    expect(readFileSync(at("file"), "utf8")).toBe("before");
    expect(readdirSync(home)).toEqual(["file"]);
  });

  it("fills a file that cannot be replaced, such as one that a container mounts", () => {
    writeFileSync(at("file"), "before");
    vi.mocked(fs.renameSync).mockImplementationOnce(() => {
      throw failing("EBUSY");
    });
    writeFileWhole(at("file"), "after");
    expect(readFileSync(at("file"), "utf8")).toBe("after");
    expect(readdirSync(home)).toEqual(["file"]);
  });

  it("says which option names the file, and what to do", () => {
    const error = thrownBy(() => writeFileWhole(at("missing", "file"), "text", "--report"));
    expect(error).toMatchObject({
      code: "WRITE_FAILED",
      message: `${at("missing", "file")}: its folder does not exist: make it, or choose another --report (ENOENT)`,
    });
  });

  it.skipIf(!existsSync("/dev/full"))("writes to devices as they are", () => {
    writeFileWhole("/dev/null", "text");
    expect(statSync("/dev/null").isCharacterDevice()).toBe(true);
    expect(thrownBy(() => writeFileWhole("/dev/full", "text"))).toMatchObject({
      message: "/dev/full: the disk is full: free space, or choose another --out (ENOSPC)",
    });
  });

  it.skipIf(process.platform === "win32")("is whole when the process is interrupted, which then ends", async () => {
    await build({
      entryPoints: [join(import.meta.dirname, "../src/files/write-file.ts")],
      outfile: at("bundle.mjs"),
      bundle: true,
      format: "esm",
      platform: "node",
    });
    mkdirSync(at("out"));
    const bytes = 100e6;
    writeFileSync(
      at("writer.mjs"),
      `import { writeFileWhole } from ${JSON.stringify(pathToFileURL(at("bundle.mjs")).href)};
      writeFileWhole(${JSON.stringify(at("out", "file"))}, new Uint8Array(${bytes}));
      setTimeout(() => {}, 60_000);`,
    );
    const child = spawn(process.execPath, [at("writer.mjs")], { stdio: ["ignore", "inherit", "inherit"] });
    const ended = new Promise((resolve) => child.on("close", (_, signal) => resolve(signal)));
    // The process is interrupted as soon as the temporary file appears.
    await new Promise<void>((resolve) => {
      const look = () => (readdirSync(at("out")).length > 0 ? resolve() : setImmediate(look));
      look();
    });
    child.kill("SIGTERM");
    expect(await ended).toBe("SIGTERM");
    expect(readdirSync(at("out"))).toEqual(["file"]);
    expect(statSync(at("out", "file")).size).toBe(bytes);
  });
});

describe("requireWritable", () => {
  it("takes what writeFileWhole would write, and touches nothing", () => {
    writeFileSync(at("file"), "before");
    symlinkSync("nowhere", at("link"));
    for (const path of ["file", "link", "new"]) requireWritable(at(path));
    requireWritable("name-in-this-folder");
    expect(readdirSync(home).sort()).toEqual(["file", "link"]);
    expect(readFileSync(at("file"), "utf8")).toBe("before");
  });

  it.each([
    ["missing/file", "its folder does not exist: make it, or choose another --out (ENOENT)"],
    ["file/below", "a part of this path is a file: choose another --out (ENOTDIR)"],
    ["folder", "is a folder, not a file: choose another --out (EISDIR)"],
    ["folder/", "is a folder, not a file: choose another --out (EISDIR)"],
    ["new/", "is a folder, not a file: choose another --out (EISDIR)"],
    ["loop", "its symbolic links lead in a circle: choose another --out (ELOOP)"],
  ])("refuses %s", (path, says) => {
    writeFileSync(at("file"), "");
    mkdirSync(at("folder"));
    symlinkSync("loop", at("loop"));
    const error = thrownBy(() => requireWritable(`${home}/${path}`));
    expect(error).toMatchObject({ code: "WRITE_FAILED", message: `${home}/${path}: ${says}` });
  });

  it("refuses no name at all", () => {
    expect(thrownBy(() => requireWritable(""))).toMatchObject({ message: expect.stringMatching(/^'': is a folder/) });
  });
});
