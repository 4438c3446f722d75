/**
 * Finds the pictures that are most like one of them, in what `ppt-vit embed --out FOLDER` wrote.
 *
 *   node search.mjs FOLDER PICTURE [COUNT]
 */
import { openVectors } from "./vectors.mjs";

const [folder, picture, count = "10"] = process.argv.slice(2);
const vectors = await openVectors(folder);
for (const { path, alike } of await vectors.nearest(picture, Number(count))) console.log(alike.toFixed(4), path);
