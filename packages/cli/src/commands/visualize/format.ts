/** The formats of drawings of tokens. */
import { extname } from "node:path";
import { PptError } from "@ppt-vit/core";
import { type TokenFormat, tokenFormats } from "@ppt-vit/pipeline";

/** The format that the extension of `--out` names. @throws PptError INVALID_OPTION */
export function tokenFormatOf(out: string): TokenFormat {
  const ending = extname(out).slice(1).toLowerCase();
  const format = tokenFormats.find((name) => name === ending);
  if (format) return format;
  throw new PptError("INVALID_OPTION", `--out ${out}: expected a name that ends with .${tokenFormats.join(", .")}`);
}
