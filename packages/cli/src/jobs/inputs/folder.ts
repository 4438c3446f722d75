/** A folder and its subfolders. */
import { PptError } from "@ppt-vit/core";
import { imageExtensions } from "@ppt-vit/pipeline";
import { inputOf, picturesBelow } from "../../files/picture-files.js";
import type { InputKind } from "./kind.js";

export const folder: InputKind = {
  name: "folder",
  description: "a folder, which is searched for pictures",
  root: (argument) => argument,
  takes: (_argument, isFolder) => isFolder,
  async *items(argument) {
    const { pictures, failures } = await picturesBelow(argument);
    if (pictures.length + failures.length === 0)
      throw new PptError("NOT_FOUND", `${argument}: no pictures (${imageExtensions.join(" ")}) in this folder`);
    for (const { folder, error } of failures) {
      const name = String(inputOf(folder));
      yield { name, file: name, problem: error.message.replace(`${name}: `, "") };
    }
    // `sort` compares code units, which gives the same order on every machine.
    for (const name of pictures.map((path) => String(inputOf(path))).sort()) yield { name, file: name };
  },
};
