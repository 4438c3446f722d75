// Rasterises the chosen emoji of three vendors (npm @iconify-json/*) to square RGBA PNG sprites.
// usage: node rasterise_sprites.mjs OUT_DIR   (run where `npm i sharp @iconify-json/{noto,twemoji,openmoji}` was done)
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(path.join(process.cwd(), "noop.js"));
const sharp = require("sharp");
const OBJECT = 144,
  MARGIN = 8; // longest object side and transparent margin, in pixels
const VENDORS = ["noto", "twemoji", "openmoji"];
const CLASSES = {
  dog: "1f436",
  cat: "1f431",
  rabbit: "1f430",
  lion: "1f981",
  panda: "1f43c",
  frog: "1f438",
  pig: "1f437",
  elephant: "1f418",
  penguin: "1f427",
  fish: "1f420",
  octopus: "1f419",
  turtle: "1f422",
  snail: "1f40c",
  butterfly: "1f98b",
  ladybug: "1f41e",
  crab: "1f980",
  apple: "1f34e",
  banana: "1f34c",
  strawberry: "1f353",
  watermelon: "1f349",
  pineapple: "1f34d",
  carrot: "1f955",
  mushroom: "1f344",
  pizza: "1f355",
  hamburger: "1f354",
  donut: "1f369",
  sunflower: "1f33b",
  cactus: "1f335",
  tree: "1f333",
  car: "1f697",
  bus: "1f68c",
  bicycle: "1f6b2",
  airplane: "2708",
  rocket: "1f680",
  sailboat: "26f5",
  tractor: "1f69c",
  "soccer ball": "26bd",
  basketball: "1f3c0",
  guitar: "1f3b8",
  umbrella: "2602",
  camera: "1f4f7",
  clock: "23f0",
  key: "1f511",
  scissors: "2702",
  gift: "1f381",
  balloon: "1f388",
  robot: "1f916",
  house: "1f3e0",
};

const out = process.argv[2];
for (const vendor of VENDORS) {
  const dir = path.join("node_modules", "@iconify-json", vendor);
  const set = JSON.parse(fs.readFileSync(path.join(dir, "icons.json")));
  const chars = JSON.parse(fs.readFileSync(path.join(dir, "chars.json")));
  fs.mkdirSync(path.join(out, vendor), { recursive: true });
  for (const [label, code] of Object.entries(CLASSES)) {
    const icon = set.icons[chars[code] ?? chars[`${code}-fe0f`]];
    const w = icon.width ?? set.width,
      h = icon.height ?? set.height;
    const svg =
      `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" ` +
      `width="512" height="512" viewBox="${icon.left ?? 0} ${icon.top ?? 0} ${w} ${h}">${icon.body}</svg>`;
    const big = await sharp(Buffer.from(svg)).png().toBuffer();
    const tight = await sharp(big)
      .trim({ background: { r: 0, g: 0, b: 0, alpha: 0 }, threshold: 1 })
      .toBuffer();
    await sharp(tight)
      .resize(OBJECT, OBJECT, { fit: "contain", background: { r: 0, g: 0, b: 0, alpha: 0 } })
      .extend({ top: MARGIN, bottom: MARGIN, left: MARGIN, right: MARGIN, background: { r: 0, g: 0, b: 0, alpha: 0 } })
      .png()
      .toFile(path.join(out, vendor, `${label.replace(" ", "_")}.png`));
  }
}
fs.writeFileSync(path.join(out, "classes.json"), JSON.stringify(Object.keys(CLASSES)));
console.log(`${Object.keys(CLASSES).length} classes x ${VENDORS.length} vendors`);
