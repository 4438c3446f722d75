#!/usr/bin/env node
/** `ppt-vit`: exit code 0 when all went well, 1 when some pictures failed, 2 when the call itself was wrong. */
import { isPptError } from "@ppt-vit/core";
import { CommanderError } from "commander";
import { createProgram } from "./program.js";

// A reader that has seen enough, such as `head`, closes the pipe: that is no failure of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

try {
  await createProgram().parseAsync();
} catch (error) {
  // Commander has printed its own message; help and version exit with 0.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else if (isPptError(error)) {
    process.stderr.write(`ppt-vit: ${error.message} [${error.code}]\n`);
    process.exitCode = 2;
  } else {
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    process.stderr.write(
      `ppt-vit: unexpected error: ${message}\nThis is a bug; with DEBUG=ppt-vit set, the call prints where it happened.\n`,
    );
    if (process.env.DEBUG === "ppt-vit") process.stderr.write(`${stack}\n`);
    process.exitCode = 2;
  }
}
