/** Arguments that are not valid UTF-8: Node hands them over with U+FFFD in the place of their bytes. */
import { existsSync } from "node:fs";
import { PptError } from "@ppt-vit/core";
import type { Command } from "commander";

/** Says so of an argument that holds U+FFFD; undefined for others. */
export const replaced = (argument: string): string | undefined =>
  argument.includes("\ufffd")
    ? "holds U+FFFD, which Node puts into arguments for bytes that are not valid UTF-8: rename the file, or give the folder that holds it"
    : undefined;

/**
 * Refuses options and arguments that would name another file than was meant. Pictures are left to those who read them, so
 * that one of them does not stop the others.
 * @throws PptError INVALID_OPTION
 */
export function refuseReplaced(command: Command): void {
  const options = command.options.map((option) => [option.long ?? option.flags, option.attributeName()] as const);
  const values: [name: string, value: unknown][] = options.map(([name, key]) => [name, command.getOptionValue(key)]);
  for (const [i, argument] of command.registeredArguments.entries())
    if (!isPictures(argument.name())) values.push([argument.name(), command.processedArgs[i]]);
  for (const [name, value] of values)
    for (const text of [value].flat())
      if (typeof text === "string" && !isPictures(name) && replaced(text) && !existsSync(text))
        throw new PptError("INVALID_OPTION", `${name} ${text}: ${replaced(text)}`);
}

const isPictures = (name: string): boolean => name === "image|folder" || name === "--images";
