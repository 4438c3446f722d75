/** A block that is a whole file, which a page that follows needs: it runs with that page. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

export async function file(block, { cwd, later }) {
  if (!later.some(({ says }) => says.way === "page"))
    throw new Error(`no block with way=page follows, so nothing runs ${block.file}`);
  await writeFile(join(cwd, block.file), block.text);
}
