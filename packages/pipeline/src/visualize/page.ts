/** Token pictures as an HTML page that needs no other file. */
import { type Checks, checkOptions } from "@ppt-vit/core/options";
import { anyText } from "../checks.js";
import { escapeMarkup } from "../text/markup.js";
import { requirePictures, sheetChecks, type TokenPicture, type TokenSheetOptions, tokenSheet } from "./sheet.js";

/** Options of `tokenPage`. */
export interface TokenPageOptions extends Omit<TokenSheetOptions, "idPrefix"> {
  readonly title?: string | undefined;
  /** One paragraph under the title: the model and its settings. */
  readonly about?: string | undefined;
}

const { idPrefix: _, ...drawingChecks } = sheetChecks;
export const pageChecks: Checks<TokenPageOptions> = { ...drawingChecks, title: anyText, about: anyText };

/**
 * A page with one drawing for each picture. It fetches nothing and has no scripts.
 * @throws PptError INVALID_OPTION and INVALID_INPUT as `tokenSheet` does
 */
export function tokenPage(pictures: readonly TokenPicture[], given: TokenPageOptions = {}): string {
  const options = checkOptions("tokenPage", given, pageChecks);
  requirePictures("tokenPage", pictures);
  const { title = "Tokens stage by stage", about = "" } = options;
  const figures = pictures.map(
    (picture, i) => `<figure>${tokenSheet([picture], { ...options, idPrefix: `figure-${i}` })}</figure>`,
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeMarkup(title)}</title>
<style>
body{font:15px/1.5 system-ui,sans-serif;color:#1b1b1b;background:#fff;margin:2rem}
h1{font-size:1.4rem}p{color:#5c5c5c;max-width:60rem}
figure{margin:0 0 1rem;overflow-x:auto}svg{max-width:100%;height:auto}
</style>
<h1>${escapeMarkup(title)}</h1>
<p>${escapeMarkup(about)}</p>
${figures.join("\n")}
</html>
`;
}
