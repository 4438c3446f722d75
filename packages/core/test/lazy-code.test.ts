/** Tests what is said of code that cannot be loaded. */
import { loadedCode } from "@ppt-vit/core/backend";
import { expect, it } from "vitest";

it("gives the module, and a typed error for one that is not served", async () => {
  const module = { reader: 1 };
  expect(await loadedCode(Promise.resolve(module))).toBe(module);
  const cause = new TypeError("Failed to fetch dynamically imported module: https://host/timm.js");
  await expect(loadedCode(Promise.reject(cause))).rejects.toMatchObject({
    code: "DOWNLOAD_FAILED",
    message: expect.stringMatching(/\(Failed to fetch .*timm\.js\): serve every file that the bundler wrote/),
    cause,
  });
});
