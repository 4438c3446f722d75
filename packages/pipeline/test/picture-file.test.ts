/** Tests paths that lead to something other than a file: pipes, devices, terminals. */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decodeImage } from "@ppt-vit/pipeline";
import { afterAll, describe, expect, it } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "ppt-vit-file-"));
afterAll(() => rmSync(folder, { recursive: true }));
const photo = fileURLToPath(new URL("../fixtures/pictures/photo.png", import.meta.url));

const rejection = (path: string, options?: Parameters<typeof decodeImage>[1]) =>
  decodeImage(path, options).then(
    () => expect.unreachable("decoded"),
    ({ code, message }) => ({ code, message: message.slice(path.length + 2) }),
  );

let pipes = 0;
function pipe(): string {
  const path = join(folder, `pipe${pipes++}`);
  execFileSync("mkfifo", [path]);
  return path;
}

/** A shell with a pipe as $0 and the photo as $1. */
const shell = (script: string, path: string) => spawn("sh", ["-c", script, path, photo], { stdio: "ignore" });

describe.skipIf(process.platform === "win32")("pipes", () => {
  it.each([
    ["a writer that is there", 'cat "$1" > "$0"'],
    ["a writer that comes later", 'sleep 1; cat "$1" > "$0"'],
    ["a writer that takes longer than one would be waited for", 'exec 3> "$0"; sleep 3; cat "$1" >&3'],
    ["a writer that stops in between", '(head -c 99 "$1"; sleep 1; tail -c +100 "$1") > "$0"'],
  ])("are read to their end: %s", async (_, script) => {
    const path = pipe();
    shell(script, path);
    expect(await decodeImage(path)).toEqual(await decodeImage(photo));
  });

  it("without a writer are not waited for", async () => {
    expect(await rejection(pipe())).toEqual({
      code: "INVALID_IMAGE",
      message: "a pipe that nothing has written to for 2 s",
    });
  });

  it.each([
    ["nothing", ': > "$0"', "the file is empty"],
    ["no picture, without end", 'cat /dev/zero > "$0"', "not a readable picture: use JPEG, PNG, WebP, GIF, AVIF"],
    ["a picture without end", 'cat "$1" /dev/zero > "$0"', "more bytes than the limit of 1000000"],
  ])("that hold %s are refused", async (_, script, message) => {
    const path = pipe();
    shell(script, path);
    expect(await rejection(path, { maxBytes: 1e6 })).toEqual({ code: "INVALID_IMAGE", message });
  });
});

describe.skipIf(!existsSync("/dev/zero"))("devices", () => {
  it.each([
    ["/dev/zero", "not a readable picture: use JPEG, PNG, WebP, GIF, AVIF"],
    ["/dev/urandom", "not a readable picture"],
    ["/dev/null", "the file is empty"],
  ])("%s", async (path, message) => {
    const error = await rejection(path);
    expect(error.code).toBe("INVALID_IMAGE");
    expect(error.message).toContain(message);
  });

  it("sockets and folders", async () => {
    const path = join(folder, "socket");
    const server = createServer().listen(path);
    try {
      expect((await rejection(path)).code).toBe("NOT_FOUND");
      expect((await rejection(folder)).code).toBe("NOT_FOUND");
    } finally {
      server.close();
    }
  });
});

describe("files", () => {
  it("are read whole, whatever their size", async () => {
    const bytes = readFileSync(photo);
    for (const added of [0, 1, 4096 - bytes.length, 4097 - bytes.length, 100_000]) {
      if (added < 0) continue;
      const path = join(folder, "longer.png");
      writeFileSync(path, Buffer.concat([bytes, Buffer.alloc(added)]));
      expect(await decodeImage(path)).toEqual(await decodeImage(photo));
    }
  });

  it("of any size are refused without being read", async () => {
    const sparse = join(folder, "sparse.png");
    writeFileSync(sparse, readFileSync(photo));
    truncateSync(sparse, 2 ** 33);
    expect((await rejection(sparse)).message).toContain("8589934592 bytes are more than the limit");
    truncateSync(sparse, 0);
    truncateSync(sparse, 2 ** 33);
    const before = process.memoryUsage().rss;
    expect((await rejection(sparse, { maxBytes: Number.POSITIVE_INFINITY })).message).toContain(
      "not a readable picture",
    );
    expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 28);
  });
});
