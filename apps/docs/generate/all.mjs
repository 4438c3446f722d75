/**
 * Makes what pages include and what is too long to write: tables, token pictures and the API reference. The packages must be
 * built. Everything is written below folders that git ignores.
 *
 *   node generate/all.mjs [--quick]   --quick keeps a reference and token pictures that are there
 */
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeBenchmarks } from "./benchmarks.mjs";
import { writeChangelog } from "./changelog.mjs";
import { writeCompatibility } from "./compatibility.mjs";
import { docs, generated } from "./paths.mjs";
import { writeReference } from "./reference.mjs";
import { writeSubmitted } from "./submitted.mjs";
import { writeTokens } from "./tokens.mjs";

const quick = process.argv.includes("--quick");
mkdirSync(generated, { recursive: true });
await writeCompatibility();
await writeBenchmarks();
writeSubmitted();
writeChangelog();
if (!quick || !existsSync(join(generated, "tokens.json"))) await writeTokens();
const reference = join(docs, "api");
if (!quick || !existsSync(reference)) {
  rmSync(reference, { recursive: true, force: true });
  const warnings = await writeReference();
  writeFileSync(join(generated, "reference-warnings.txt"), `${warnings.join("\n")}\n`);
  console.log(`API reference: ${warnings.length} remarks of TypeDoc, see generated/reference-warnings.txt`);
}
