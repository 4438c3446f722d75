/** Tests hostile names, answers and folders: they are refused with a typed error, or do no harm. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, normalize, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { isPptError, type PptErrorCode } from "@ppt-vit/core";
import { demoModelUrl } from "@ppt-vit/demo-model";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { requireFileName, requireModelId, requireRevision } from "../src/hub/reference.js";
import { checkedRemote, fileAddress } from "../src/hub/request.js";
import { sourceKind } from "../src/node/folder.js";
import { fromPretrained } from "../src/node/from-pretrained.js";
import { blobPath, modelCache, snapshotFolder } from "../src/node/hub/cache.js";
import { hubFiles } from "../src/node/hub/files.js";
import { gitSha1 } from "./fake-hub.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ppt-vit-hostile-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Whether `check` accepts. Only typed errors with a short, printable message are allowed. */
function accepts(check: () => unknown, code: PptErrorCode): boolean {
  try {
    check();
    return true;
  } catch (error) {
    if (!isPptError(error)) throw error;
    expect(error.code).toBe(code);
    expect(error.message).toMatch(/^[^\p{Cc}]{1,400}$/u);
    return false;
  }
}

describe("names", () => {
  const hostile = [
    ...[
      "../..",
      "..",
      ".",
      "a/..",
      "../a",
      "a/../b",
      "a/b/..",
      "./a/b",
      "/a/b",
      "a//b",
      "a/b/c",
      "a/b/",
      "/etc/passwd",
    ],
    ...[
      "a\\b",
      "..\\..\\x",
      "C:\\x",
      "C:/x",
      "\\\\host\\share",
      "a/b\0",
      "a/b\n",
      "a/b\r\nx: y",
      "a/b?x",
      "a/b#x",
      "a/%2e%2e",
    ],
    ...["a/b.git", "a/b--c", "a--b/c", "-a/b", "a/-b", "a/b.", ".a/b", "a/.b", "a/b..c", "~/a", "$HOME/a", "a/b@main"],
    ...[
      "https://host/a",
      "file:///etc/passwd",
      "user@host/a",
      "a/\u202e",
      "ä/b",
      "a/b c",
      "",
      " ",
      "__proto__",
      "a".repeat(300),
    ],
  ];
  const pieces = fc.array(
    fc.constantFrom(..."a B 9 _ - . .. / \\ : % 2e \0 \n ~ @ ? # ä".split(" "), " ", "main", "refs"),
    { maxLength: 8 },
  );
  const name = fc.oneof(
    pieces.map((all) => all.join("")),
    fc.string({ maxLength: 12 }),
    fc.constantFrom(...hostile),
  );
  const root = "/cache/hub";
  const insideOf = (parent: string, path: string) => normalize(path) === path && path.startsWith(parent + sep);

  it.each(hostile)("%j is no model", (id) => {
    expect(accepts(() => requireModelId(id), "INVALID_OPTION")).toBe(false);
  });

  it("an accepted id stays in one folder and one address, and no two share them", () => {
    const folders = new Map<string, string>();
    let accepted = 0;
    const part = fc.oneof(name, fc.constantFrom("org", "Org-1", "deit_small.v1.5", "a", "a-b", "b"));
    fc.assert(
      fc.property(part, part, (org, model) => {
        const id = `${org}/${model}`;
        if (!accepts(() => requireModelId(id), "INVALID_OPTION")) return;
        accepted++;
        const cache = modelCache(root, id);
        expect(insideOf(root, cache.folder)).toBe(true);
        expect(cache.folder.slice(root.length + 1)).not.toContain(sep);
        expect(folders.get(cache.folder) ?? id).toBe(id);
        folders.set(cache.folder, id);
        const address = fileAddress(
          { id, revision: "main", endpoint: "https://hub", token: undefined },
          "main",
          "config.json",
        );
        expect(address.href).toBe(`https://hub/${id}/resolve/main/config.json`);
      }),
      { seed: 51, numRuns: 5000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });

  it("an accepted revision or file stays in its folder and its part of the address", () => {
    let accepted = 0;
    const cache = modelCache(root, "a/b");
    fc.assert(
      fc.property(name, name, (revision, file) => {
        if (accepts(() => requireRevision(revision), "INVALID_OPTION")) {
          accepted++;
          expect(insideOf(join(cache.folder, "refs"), join(cache.folder, "refs", revision))).toBe(true);
          const address = fileAddress(
            { id: "a/b", revision, endpoint: "https://hub", token: undefined },
            revision,
            "x",
          );
          expect(address.pathname.split("/")).toHaveLength(6);
        }
        if (accepts(() => requireFileName(file), "INVALID_OPTION")) {
          accepted++;
          expect(insideOf(snapshotFolder(cache, "c"), join(snapshotFolder(cache, "c"), file))).toBe(true);
          expect(file).not.toMatch(/[/\\:]/);
        }
      }),
      { seed: 52, numRuns: 5000 },
    );
    expect(accepted).toBeGreaterThan(500);
  });

  it("a source has one meaning by its form, or none", () => {
    fc.assert(
      fc.property(name, (source) => {
        let kind: string | undefined;
        if (!accepts(() => (kind = sourceKind(source)), "INVALID_OPTION")) return;
        if (kind === "folder") expect(source).toMatch(/^(\.{1,2}([/\\]|$)|[/\\]|[A-Za-z]:)/);
        if (kind === "hub") expect(source.split("/")).toHaveLength(2);
      }),
      { seed: 53, numRuns: 3000 },
    );
    expect(accepts(() => hubFiles("a/b\nc", { cacheDir: folder }), "INVALID_OPTION")).toBe(false);
  });

  it.each(["", "hub", "ftp://hub", "https://user:pass@hub", "https://hub?x", "https://hub#x", "javascript:1"])(
    "%j is no endpoint",
    (endpoint) => {
      const remote = { id: "a/b", revision: "main", endpoint, token: undefined };
      expect(accepts(() => checkedRemote(remote), "INVALID_OPTION")).toBe(false);
    },
  );

  it("a token that would end its header is refused, and not shown", () => {
    const remote = { id: "a/b", revision: "main", endpoint: "https://hub", token: "hf_secret\r\nx: y" };
    expect(() => checkedRemote(remote)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining("secret") }),
    );
  });
});

it("whatever a hub answers, nothing wrong enters the cache", async () => {
  const commit = "0123456789abcdef0123456789abcdef01234567";
  const right = new TextEncoder().encode('{"model_type":"vit"}');
  const header = fc.tuple(
    fc.constantFrom(
      "x-repo-commit",
      "x-linked-etag",
      "x-linked-size",
      "etag",
      "location",
      "content-range",
      "content-length",
      "retry-after",
      "x-error-code",
      "content-encoding",
    ),
    fc.constantFrom(
      ...[
        commit,
        `"${gitSha1(right)}"`,
        `W/"${gitSha1(right)}"`,
        gitSha1(new Uint8Array(1)),
        "f".repeat(64),
        "20",
        "19",
        "0",
        "-1",
        "1e400",
      ],
      ...[
        "../../../../etc/passwd",
        "../x",
        "/a/b/resolve/main/config.json",
        "https://elsewhere/x",
        "file:///etc/passwd",
        "http://",
        "bytes 0-19/20",
      ],
      ...[
        "bytes 5-19/20",
        "bytes */20",
        "EntryNotFound",
        "GatedRepo",
        "__proto__",
        "gzip",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "99999999999",
      ],
    ),
  );
  const answer = fc.record({
    status: fc.oneof(
      { weight: 3, arbitrary: fc.constant(200) },
      fc.constantFrom(206, 301, 302, 307, 400, 401, 403, 404, 416, 418, 429, 500, 503),
    ),
    headers: fc.array(header, { maxLength: 2 }),
    honest: fc.constantFrom(true, true, true, false),
    body: fc.constantFrom(
      right,
      right,
      right.subarray(0, 10),
      right.subarray(5),
      new Uint8Array(0),
      new Uint8Array(50),
    ),
  });
  const cache = modelCache(folder, "a/b");
  let whole = 0;
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(answer, { minLength: 1, maxLength: 6 }), async (answers) => {
      let asked = 0;
      const fetch = async () => {
        const { status, headers, honest, body } = answers[Math.min(asked++, answers.length - 1)]!;
        const honestly = { "x-repo-commit": commit, etag: `"${gitSha1(right)}"` };
        // The platform undoes compression before we see the body, so the header no longer describes it.
        return new Response(body, { status, headers: { ...(honest && honestly), ...Object.fromEntries(headers) } });
      };
      const files = hubFiles(
        "a/b",
        { cacheDir: folder, endpoint: "https://hub" },
        { fetch, wait: async () => {}, env: {} },
      );
      try {
        const bytes = await files.read("config.json", { optional: false });
        expect(Buffer.from(bytes!).equals(right)).toBe(true);
        whole++;
      } catch (error) {
        if (!isPptError(error)) throw error;
        expect(["DOWNLOAD_FAILED", "NOT_FOUND", "ACCESS_DENIED"]).toContain(error.code);
        expect(error.message).toMatch(/^[^\p{Cc}]{1,500}$/u);
        refused++;
      }
      expect(asked).toBeLessThan(60);
      expect(readdirSync(folder).filter((name) => name !== "models--a--b")).toEqual([]);
      const blobs = existsSync(join(cache.folder, "blobs")) ? readdirSync(join(cache.folder, "blobs")) : [];
      for (const name of blobs.filter((name) => /^[0-9a-f]+$/.test(name))) {
        const bytes = readFileSync(blobPath(cache, name));
        const sha256 = createHash("sha256").update(bytes).digest("hex");
        expect([gitSha1(bytes), sha256]).toContain(name);
      }
      rmSync(cache.folder, { recursive: true, force: true });
    }),
    { seed: 54, numRuns: 600 },
  );
  expect(whole).toBeGreaterThan(50);
  expect(refused).toBeGreaterThan(100);
});

describe("folders", () => {
  beforeEach(() => cpSync(fileURLToPath(demoModelUrl), folder, { recursive: true }));
  const edit = (file: string, change: (text: string) => string) =>
    writeFileSync(join(folder, file), change(readFileSync(join(folder, file), "utf8")));
  const refused = (code: PptErrorCode, message: string) =>
    expect(fromPretrained(folder)).rejects.toMatchObject({
      name: "PptError",
      code,
      message: expect.stringContaining(message),
    });

  it.each(["config.json", "preprocessor_config.json", "reduction.json"])("%s with a field __proto__", async (file) => {
    edit(file, (text) => text.replace("{", '{"__proto__":{"hidden_size":4},'));
    await refused(
      file === "reduction.json" ? "INVALID_REDUCTION" : "INVALID_CONFIG",
      `${file}: a field is named '__proto__'`,
    );
  });

  it("a header of 10 GB, in a file of 10 GB, is refused before it is read", async () => {
    const path = join(folder, "model.safetensors");
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(10_000_000_000n);
    writeFileSync(path, length);
    truncateSync(path, 10_000_000_008);
    await refused("INVALID_SAFETENSORS", "declares a header of 10000000000 bytes, more than 100000000");
    truncateSync(path, 5);
    await refused("INVALID_SAFETENSORS", "has 5 bytes");
  });

  it.skipIf(process.platform === "win32")(
    "a configuration of gigabytes, a folder, a pipe or a dangling link in place of a file",
    async () => {
      truncateSync(join(folder, "config.json"), 2 ** 33);
      await refused("NOT_FOUND", "8589934592 bytes are more than the 67108864");
      rmSync(join(folder, "config.json"));
      symlinkSync("/dev/zero", join(folder, "config.json"));
      await refused("NOT_FOUND", "it is no file");
      rmSync(join(folder, "config.json"));
      symlinkSync(folder, join(folder, "config.json"));
      await refused("NOT_FOUND", "it is no file");
      rmSync(join(folder, "config.json"));
      symlinkSync("nowhere", join(folder, "config.json"));
      await refused("NOT_FOUND", "cannot be read (ENOENT)");
    },
  );

  it.skipIf(process.platform === "win32")(
    "files that are not what their size says: a pipe, a file of the system, one that is empty, one of another kind",
    async () => {
      const config = join(folder, "config.json");
      rmSync(config);
      execFileSync("mkfifo", [config]);
      await refused("NOT_FOUND", "it is no file");
      rmSync(config);
      if (existsSync("/proc/cpuinfo")) {
        symlinkSync("/proc/cpuinfo", config);
        await refused("NOT_FOUND", "more than its 0 bytes came: somebody is writing it, or it is no file on a disk");
        rmSync(config);
      }
      writeFileSync(config, "");
      await refused("INVALID_CONFIG", "config.json: holds nothing (0 bytes): is the download complete?");
      writeFileSync(config, "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 7\n");
      await refused("INVALID_CONFIG", "config.json: is a Git LFS pointer, which only stands for the file");
      cpSync(join(fileURLToPath(demoModelUrl), "config.json"), config);
      const weights = join(folder, "model.safetensors");
      rmSync(weights);
      symlinkSync("/dev/zero", weights);
      await refused("NOT_FOUND", "it is no file");
      rmSync(weights);
      writeFileSync(weights, "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 7\n");
      await refused("INVALID_SAFETENSORS", "model.safetensors: is no safetensors file, but a Git LFS pointer");
    },
  );

  it("an index whose shards lead out of the folder, and PyTorch's files alone", async () => {
    rmSync(join(folder, "model.safetensors"));
    writeFileSync(join(folder, "pytorch_model.bin"), "");
    await refused("NOT_FOUND", "a pytorch_model.bin or .pth is not read, because such files can run code");
    writeFileSync(join(folder, "model.safetensors.index.json"), '{"weight_map":{"a":"../secret.safetensors"}}');
    await refused("INVALID_SAFETENSORS", "tensor 'a' is said to be in");
    writeFileSync(join(folder, "model.safetensors.index.json"), '{"weight_map":{"a":"x.safetensors"}}');
    await refused("NOT_FOUND", "x.safetensors: cannot be read (ENOENT)");
  });
});
