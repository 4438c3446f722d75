import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeImage } from "../src/node/decode.js";
import { pathOf } from "../src/node/file-path.js";

describe("pathOf", () => {
  it.each(["picture.png", "file:///photos/%ff.png"])("leaves text as it is: %s", (path) => {
    expect(pathOf(path)).toBe(path);
  });

  it.each(["file:///photos/caf%C3%A9.png", "file:///photos/a%2Fb%ff.png"])(
    "leaves what Node reads or refuses by itself: %s",
    (href) => {
      const url = new URL(href);
      expect(pathOf(url)).toBe(url);
    },
  );

  it.each(["http://localhost/%ff.png", new URL("https://host/cat.jpg"), "data:image/png;base64,AAAA"])(
    "says that addresses are not fetched: %s",
    (address) => {
      expect(() => pathOf(address)).toThrow("addresses are not fetched in Node: pass the bytes");
      expect(() => pathOf(address)).toThrow(expect.objectContaining({ code: "INVALID_INPUT" }));
    },
  );

  it("reads escapes that are not UTF-8 as bytes", () => {
    expect(pathOf(new URL("file:///photos/caf%E9/%ff%FE%20%C3.png"))).toEqual(
      Buffer.from("/photos/caf\xe9/\xff\xfe \xc3.png", "latin1"),
    );
  });
});

// Other operating systems have no such names.
describe.skipIf(process.platform !== "linux")("a picture whose name is not valid UTF-8", () => {
  let home: string;
  beforeAll(() => {
    home = mkdtempSync(join(tmpdir(), "ppt-vit-names-"));
  });
  afterAll(() => rmSync(home, { recursive: true }));

  it("is opened by its URL", async () => {
    const png = await sharp(new Uint8Array([1, 2, 3]), { raw: { width: 1, height: 1, channels: 3 } })
      .png()
      .toBuffer();
    writeFileSync(Buffer.concat([Buffer.from(`${home}/`), Buffer.from("\xff.png", "latin1")]), png);
    const at = (name: string) => new URL(`${pathToFileURL(home).href}/${name}`);
    expect([...(await decodeImage(at("%FF.png"))).data]).toEqual([1, 2, 3]);
    await expect(decodeImage(at("%FE.png"))).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringContaining("/%FE.png: cannot be read (ENOENT)"),
    });
  });
});
