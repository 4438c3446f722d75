import type { BackendPlatform } from "@ppt-vit/core";

/** Whether this code runs in Node, or in a page or worker. */
export function platformKind(globals: object = globalThis): BackendPlatform {
  const { process } = globals as { process?: { versions?: { node?: string } } };
  return process?.versions?.node === undefined ? "browser" : "node";
}
