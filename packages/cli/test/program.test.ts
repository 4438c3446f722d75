import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { createProgram } from "../src/program.js";

it("has a command for each folder of commands/, and a folder for each command", () => {
  // The one hidden command is a part of `bench`: the process that it measures.
  const names = createProgram()
    .commands.map((command) => command.name())
    .filter((name) => name !== "bench-cell");
  expect(names.sort()).toEqual(readdirSync(join(import.meta.dirname, "../src/commands")).sort());
});
