export function checkResults(
  folder: string,
  results: string,
): { readonly skipped: string } | { readonly files: number; readonly violations: readonly string[] };
