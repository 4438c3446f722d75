/** Values of any origin inside HTML and SVG. */
import { escapeMarkup } from "@ppt-vit/pipeline";

/** As element content or in a quoted attribute. Numbers, too: a document may claim that a text is one. */
export const html = (value: string | number): string => escapeMarkup(String(value));
