/** Escapes values for HTML and SVG. */
import { escapeMarkup } from "@ppt-vit/pipeline";

/** Escapes a value for element content or a quoted attribute. Numbers too: a document may hold a text where a number belongs. */
export const html = (value: string | number): string => escapeMarkup(String(value));
