/** Folders that the generators read and write. */
import { fileURLToPath } from "node:url";

const folder = (path) => fileURLToPath(new URL(path, import.meta.url)).replace(/[\\/]$/, "");

/** The root of the repository. */
export const root = folder("../../../");
/** The root of the pages. */
export const docs = folder("../");
/** What is made at build time, for pages to include. */
export const generated = folder("../generated/");
