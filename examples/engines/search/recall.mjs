/**
 * How well reduced embeddings find what unreduced ones find: for each picture, which share of its nearest pictures is the same.
 *
 *   node recall.mjs REDUCED UNREDUCED [COUNT [PICTURES]]     folders of two jobs over the same pictures
 */
import { openVectors } from "./vectors.mjs";

const [reduced, unreduced, count = "10", most = "200"] = process.argv.slice(2);
const [ours, theirs] = [await openVectors(reduced), await openVectors(unreduced)];
const paths = await theirs.paths();
const step = Math.max(1, Math.floor(paths.length / Number(most)));
const asked = paths.filter((_, i) => i % step === 0).slice(0, Number(most));
let [found, wanted] = [0, 0];
for (const path of asked) {
  const names = async (vectors) => (await vectors.nearest(path, Number(count))).map((one) => one.path);
  const [mine, right] = [new Set(await names(ours)), await names(theirs)];
  found += right.filter((one) => mine.has(one)).length;
  wanted += right.length;
}
console.log(
  JSON.stringify({ pictures: paths.length, asked: asked.length, count: Number(count), recall: found / wanted }),
);
