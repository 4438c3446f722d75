#!/usr/bin/env node
/** `ppt-vit`: exit code 0 when all went well, 1 when some pictures failed, 2 when the call itself was wrong. */
import { CommanderError } from "commander";
import { complain, complainOf, watchStreams } from "./output/print.js";
import { createProgram } from "./program.js";

watchStreams();
// Errors that no `await` below sees, such as one in a thread of a runtime.
process.on("uncaughtException", (error) => {
  complainOf(error);
  process.exit(2);
});

// Node would end without a word if a promise of a module that was named on the command line never settles.
let ended = false;
process.on("beforeExit", () => {
  if (ended) return;
  complain({
    message: "the command waits for something that never happens: is there a module whose promise never settles?",
    code: "UNEXPECTED",
  });
  process.exit(2);
});

try {
  await createProgram().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has already printed its message. Its code is 0 for --help and --version.
    process.exitCode = error.exitCode === 0 ? 0 : 2;
    if (error.code === "commander.help" && error.exitCode !== 0)
      complain({ message: "expected a command, as listed above", code: "INVALID_OPTION" });
  } else {
    complainOf(error);
    process.exitCode = 2;
  }
}
ended = true;
