import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { demoSamplesUrl } from "@ppt-vit/demo-model";

const picture = fileURLToPath(new URL("000_dog.png", demoSamplesUrl));
const run = (...args) => execFileSync(process.execPath, args, { encoding: "utf8" });

test("the bundle labels a picture", () => {
  assert.equal(run("dist/label.js", picture), `${picture}: dog\n`);
});

test("a backend that is not installed says how to install it", () => {
  const code = `import { createBackend } from "./dist/pipeline.js"; createBackend("tfjs-wasm").catch((e) => console.log(e.code, e.message))`;
  assert.match(
    run("--input-type=module", "--eval", code),
    /^BACKEND_UNAVAILABLE backend 'tfjs-wasm' is not installed: npm install @ppt-vit\/backend-tfjs /,
  );
});
