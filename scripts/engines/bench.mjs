/** What all engines are tested on: generated pictures, the job of one uninterrupted worker, and tools for those that are killed. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import sharp from "sharp";
import { root } from "../workspace.mjs";

export const main = join(root, "packages", "cli", "dist", "main.js");
export const examples = join(root, "examples", "engines");

/** Whether a program is on the PATH, or in the folders of administrators. */
export const programOf = (name) =>
  `${process.env.PATH}:/usr/sbin:/sbin`
    .split(":")
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));

/** Names of programs that are missing; undefined if all are there. */
export function missing(...names) {
  const lacking = names.filter((name) => !programOf(name));
  return lacking.length > 0 ? lacking.join(", ") : undefined;
}

/** The same pictures each time: noise of few pixels, enlarged, so that each has a vector of its own. */
async function makePictures(folder, count) {
  let seed = 1;
  const random = () => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    return seed / 0x7fffffff;
  };
  for (let i = 0; i < count; i++) {
    const place = join(folder, String(i % 20).padStart(2, "0"));
    mkdirSync(place, { recursive: true });
    const data = Buffer.from(Array.from({ length: 3 * 64 }, () => 256 * random()));
    const size = { width: 24 + Math.floor(48 * random()), height: 24 + Math.floor(48 * random()) };
    await sharp(data, { raw: { width: 8, height: 8, channels: 3 } })
      .resize(size.width, size.height, { fit: "fill" })
      .jpeg()
      .toFile(join(place, `${String(i).padStart(6, "0")}.jpg`));
  }
}

/**
 * @param sha256 of the merged file, where it is known from an uninterrupted run before, which is then left out
 * @returns what every engine gets to work with
 */
export async function makeBench(home, { pictures, model, sha256 }) {
  const bin = join(home, "bin");
  mkdirSync(bin);
  chmodSync(main, 0o755);
  symlinkSync(main, join(bin, "ppt-vit"));
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}`, NO_COLOR: "1", PPT_VIT_CACHE_DIR: "" };
  await makePictures(join(home, "pictures"), pictures);
  const partSize = Math.max(5, Math.ceil(pictures / 40));
  const options = ["--model", model, "--backend", "onnx-cpu", "--batch", "8", "--part-size", String(partSize)];
  const run = (command, args, more = {}) =>
    execFileSync(command, args, { cwd: home, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], ...more });
  /** SHA-256 of all rows of a job, in order. @throws if it is not complete */
  const hashOf = (folder) =>
    JSON.parse(run("ppt-vit", ["merge", folder, "--json", "-o", `${folder}.parquet`]))
      .files.map(({ sha256 }) => sha256)
      .join();
  const start = performance.now();
  if (sha256 === undefined) run("ppt-vit", ["embed", "pictures", "--out", "whole", ...options]);
  const wholeSeconds = sha256 === undefined ? (performance.now() - start) / 1000 : null;
  const whole = sha256 ?? hashOf("whole");
  const parts = Math.ceil(pictures / partSize);
  /** How many parts of a job are done. */
  const done = (folder) => namesIn(join(home, folder, "_job")).filter((name) => /^part-\d+\.json$/.test(name)).length;
  return {
    ...{ home, env, options, pictures, run, parts, done, wholeSeconds, sha256: whole },
    /** @throws if a job has other rows than that of one uninterrupted worker */
    requireSame(folder) {
      run("ppt-vit", ["check", folder]);
      if (hashOf(folder) !== whole) throw new Error(`${folder}: other rows than those of one uninterrupted run`);
    },
    /** Waits until a random number of parts is done, between two shares of all, and then for a random share of a part's time. */
    async moment(folder, from, to) {
      const least = Math.max(1, Math.round(parts * (from + (to - from) * Math.random())));
      const begin = performance.now();
      const before = done(folder);
      await until(`${least} parts`, () => done(folder) >= least, 1800);
      const each = (performance.now() - begin) / Math.max(1, done(folder) - before);
      await pause(Math.min(each, 5000) * Math.random());
      return { partsDone: done(folder) };
    },
    /** The ids of the processes that hold claims of a job. */
    workers: (folder) =>
      namesIn(join(home, folder, "_job"))
        .filter((name) => name.endsWith(".claim"))
        .flatMap((name) => {
          try {
            return [JSON.parse(readFileSync(join(home, folder, "_job", name), "utf8")).pid];
          } catch {
            return [];
          }
        }),
  };
}

const namesIn = (folder) => (existsSync(folder) ? readdirSync(folder) : []);

/** Waits until `test` gives something. @throws after `seconds` */
export async function until(what, test, seconds = 120) {
  for (const end = performance.now() + 1000 * seconds; ; await pause(50)) {
    const found = await test();
    if (found) return found;
    if (performance.now() > end) throw new Error(`${what}: not within ${seconds} s`);
  }
}

/** A server that a test starts, and its output. */
export function serve(command, args, options = {}) {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output += text));
  const closed = once(child, "close");
  closed.catch(() => {});
  return {
    child,
    closed,
    output: () => output,
    async stop(signal = "SIGTERM") {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await closed;
    },
  };
}
