/** Text of any origin inside HTML. */

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** Text as element content or in an attribute in double quotes. */
export const html = (text: string): string => text.replace(/[&<>"]/g, (character) => entities[character]!);
