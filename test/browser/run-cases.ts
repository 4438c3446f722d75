/** Runs in a page: conformance cases, one after the other. */
import type { ConformanceCase } from "@ppt-vit/conformance";

/** Failures of the cases whose names have these prefixes, and how many passed and were skipped. */
export async function runCases(cases: readonly ConformanceCase[], prefixes: readonly string[]) {
  const failures: string[] = [];
  let passed = 0;
  let skipped = 0;
  for (const { name, skip, run } of cases.filter((one) => prefixes.some((prefix) => one.name.startsWith(prefix)))) {
    if (skip) skipped++;
    else
      await run().then(
        () => passed++,
        (error: unknown) => failures.push(`${name}: ${error instanceof Error ? error.message : error}`),
      );
  }
  return { passed, skipped, failures };
}
