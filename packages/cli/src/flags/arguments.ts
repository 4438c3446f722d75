/** Refuses arguments that are not valid UTF-8. Node replaces their invalid bytes by U+FFFD, so they name other files. */
import { existsSync } from "node:fs";
import { PptError } from "@ppt-vit/core";
import type { Command } from "commander";
import { utf8Problem } from "../files/inputs.js";

/**
 * Refuses options and arguments that would name another file than was meant. Picture arguments are not checked here: each
 * is reported when it is read, so that one of them does not stop the others.
 * @throws PptError INVALID_OPTION
 */
export function refuseReplaced(command: Command): void {
  const options = command.options.map((option) => [option.long ?? option.flags, option.attributeName()] as const);
  const values: [name: string, value: unknown][] = options.map(([name, key]) => [name, command.getOptionValue(key)]);
  for (const [i, argument] of command.registeredArguments.entries())
    if (!isPictures(argument.name())) values.push([argument.name(), command.processedArgs[i]]);
  for (const [name, value] of values)
    for (const text of [value].flat())
      if (typeof text === "string" && !isPictures(name) && utf8Problem(text) && !existsSync(text))
        throw new PptError("INVALID_OPTION", `${name} ${text}: ${utf8Problem(text)}`);
}

const isPictures = (name: string): boolean => name === "image|folder" || name === "--images";
