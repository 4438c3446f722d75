/** What a long measurement knows already, in a file, so that the same call goes on where it was interrupted. */
import { appendFileSync, existsSync, readFileSync } from "node:fs";

/** Resolves with the kept value of a key, or computes and keeps it. Lines that were cut off are computed again. */
export function openJournal(file) {
  const known = new Map();
  for (const line of existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : []) {
    const { key, value } = JSON.parse(line);
    known.set(key, value);
  }
  const keep = (parts, value) => {
    const key = JSON.stringify(parts);
    known.set(key, value);
    appendFileSync(file, `${JSON.stringify({ key, value })}\n`);
    return value;
  };
  const once = async (parts, compute) => known.get(JSON.stringify(parts)) ?? keep(parts, await compute());
  return Object.assign(once, { get: (parts) => known.get(JSON.stringify(parts)), keep });
}
