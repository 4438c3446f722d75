/** A single picture. Whether it is one shows when it is read. */
import type { InputKind } from "./kind.js";

export const picture: InputKind = {
  name: "picture",
  description: "a picture file",
  root: () => undefined,
  takes: () => true,
  items: (argument) => [{ name: argument, file: argument }],
};
