/** Tests that the command which is recommended puts a runtime where this copy of ppt-vit finds it. */
import { join, sep } from "node:path";
import { expect, it } from "vitest";
import { backendLine, installCommand } from "../src/output/install.js";

const at = (...parts: string[]) => join(sep, ...parts, "node_modules", "@ppt-vit", "cli", "dist", "main.js");
const install = "npm install @ppt-vit/backend-onnx onnxruntime-web";

it.each([
  ["in a project", at("home", "me", "app"), ["home", "me", "app"], install],
  ["below a project's folder", at("home", "me", "app"), ["home", "me", "app", "pictures"], install],
  ["with pnpm", at("home", "me", "app", "node_modules", ".pnpm", "cli"), ["home", "me", "app"], install],
  [
    "among the global packages",
    at("usr", "lib"),
    ["home", "me", "app"],
    "npm install --global @ppt-vit/backend-onnx onnxruntime-web",
  ],
  [
    "by npx",
    at("home", "me", ".npm", "_npx", "0123"),
    ["home", "me"],
    "npx -p @ppt-vit/cli -p @ppt-vit/backend-onnx -p onnxruntime-web ppt-vit",
  ],
  ["from a checkout", join(sep, "src", "packages", "cli", "dist", "main.js"), ["home"], install],
])("%s", (_, place, folder, command) => {
  expect(installCommand(install, place, join(sep, ...folder))).toBe(command);
});

it("is part of the line about the backend", () => {
  const message = `backend cpu (auto); onnx-wasm would be faster: ${install}`;
  const faster = { backend: "onnx-wasm", install };
  expect(backendLine({ status: "notice", backend: "cpu", message, faster })).toBe(message);
  const plain = "backend onnx-cpu (auto)";
  expect(backendLine({ status: "notice", backend: "onnx-cpu", message: plain })).toBe(plain);
});
