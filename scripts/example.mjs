/**
 * One application of `examples/`. The field `example` of its package.json says what its builds must give; examples/README.md
 * describes that field. So an application is one folder, and nothing here knows its name.
 */
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { chromium } from "playwright-core";
import { launchOptions, problemsOf, serve, served } from "./examples.mjs";
import { readJson, run } from "./workspace.mjs";

/** The longest time of one command in ms, many times what an idle machine takes. */
const commandBudget = 240_000;

/**
 * @typedef {object} Build what a script of the application must give
 * @property {string} [output] the folder of the files that visitors download
 * @property {string[]} [wasm] all WebAssembly files in it, without hashes
 * @property {string} [serve] the folder that is served as it is, at `base`
 * @property {string} [base] default "/"
 * @property {Record<string, string>} [headers] headers of that server, beside or instead of its own
 * @property {string} [start] the script that starts the application's own server
 * @property {string} [extension] the folder that Chromium loads as an extension
 * @property {Record<string, { title: string, wasm: number }>} [pages] what each page must answer
 * @property {Record<string, object>} [posts] what the server must answer to the picture, for each path
 *
 * @typedef {{ name: string, problems: string[], installS?: number, buildS?: number, runS?: number, js?: number, wasm?: number }} Row
 */

/**
 * Installs the application in `cwd`, runs its builds and its test.
 * @param {string[]} tarballs packages of this repository
 * @returns {Promise<Row[]>} a row for each build, or one for the test
 */
export async function checkExample(name, cwd, tarballs, browser) {
  const rows = [];
  const { scripts, example = {} } = readJson(join(cwd, "package.json"));
  const { assets, builds = {} } = example;
  let failed;
  const timed = async (row, step, what) => {
    const start = performance.now();
    try {
      return await what();
    } catch (error) {
      failed = true;
      row.problems.push(error.message);
    } finally {
      row[step] = (row[step] ?? 0) + (performance.now() - start) / 1000;
    }
  };
  const rowOf = (label) => {
    const row = { name: label, problems: [] };
    rows.push(row);
    return row;
  };
  const names = Object.keys(builds);
  const first = rowOf(names.length > 0 ? labelOf(name, names[0]) : name);
  const install = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", ...tarballs];
  await timed(first, "installS", () => succeed(cwd, install));
  if (failed) return rows;
  if (assets) {
    cpSync(served.model, join(cwd, assets, "model"), { recursive: true });
    cpSync(served.picture, join(cwd, assets, "photo.png"));
  }
  for (const [i, script] of names.entries()) {
    failed = false;
    const row = i === 0 ? first : rowOf(labelOf(name, script));
    const build = builds[script];
    if (script in scripts) await timed(row, "buildS", () => succeed(cwd, ["run", script]));
    if (failed) continue;
    if (build.output) Object.assign(row, sizesOf(join(cwd, build.output)));
    if (build.wasm) row.problems.push(...unexpected(row.files, build.wasm));
    await timed(row, "runS", async () => row.problems.push(...(await problemsOfBuild(cwd, build, browser))));
  }
  if (scripts.test) await timed(first, "runS", () => succeed(cwd, ["test"]));
  return rows;
}

/** `build` is the usual script. Another has its own part of the name. */
const labelOf = (name, script) => (script === "build" ? name : `${name} ${script.replace(/^build:/, "")}`);

async function problemsOfBuild(
  cwd,
  { serve: folder, base, headers, start, extension, pages = {}, posts = {} },
  browser,
) {
  if (extension) return problemsOfExtension(join(cwd, extension), pages);
  if (!folder && !start) return [];
  const { url, close } = start ? await startServer(cwd, start) : await serve(join(cwd, folder), base, headers);
  try {
    const problems = await problemsOf(browser, url, pages);
    for (const [path, expected] of Object.entries(posts))
      problems.push(...(await problemsOfPost(`${url}${path}`, expected)));
    return problems;
  } finally {
    await close();
  }
}

async function problemsOfPost(url, expected) {
  const response = await fetch(url, { method: "POST", body: readFileSync(served.picture) });
  const text = await response.text();
  const wrong = (answer) => Object.entries(expected).some(([field, value]) => answer[field] !== value);
  if (response.status === 200 && !wrong(JSON.parse(text))) return [];
  return [`${url} answers ${response.status} ${text.slice(0, 300)}, expected ${JSON.stringify(expected)}`];
}

/** Loads a folder as an extension into a browser of its own, and opens its pages. */
async function problemsOfExtension(folder, pages) {
  const { args, executablePath } = launchOptions();
  const profile = mkdtempSync(join(folder, "..", "profile-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    ignoreDefaultArgs: ["--disable-extensions"],
    args: [...args, `--disable-extensions-except=${folder}`, `--load-extension=${folder}`],
  });
  try {
    const background = context.serviceWorkers()[0] ?? (await context.waitForEvent("serviceworker"));
    return await problemsOf(context, new URL("/", background.url()).href, pages);
  } finally {
    await context.close();
  }
}

/** Starts the server of an application by its script, which prints its address. */
async function startServer(cwd, script) {
  const env = { ...process.env, PORT: "0", NEXT_TELEMETRY_DISABLED: "1", NO_COLOR: "1" };
  // In a group of its own, so that the server ends together with npm.
  const child = spawn("npm", ["run", script], { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise((resolve) => child.on("close", resolve));
  const kill = () => {
    try {
      process.kill(-child.pid);
    } catch {
      // It has ended already.
    }
  };
  process.on("exit", kill);
  const close = async () => {
    kill();
    await ended;
    process.off("exit", kill);
  };
  let output = "";
  const url = await new Promise((resolve, reject) => {
    const hear = (text) => {
      output += text;
      const [, address] = /Local:\s+(http:\/\/[^\s/]+)/.exec(output) ?? [];
      if (address) resolve(`${address}/`);
    };
    child.stdout.setEncoding("utf8").on("data", hear);
    child.stderr.setEncoding("utf8").on("data", hear);
    child.on("error", reject);
    ended.then(() => reject(new Error(`npm run ${script} ended:\n${output}`)));
  });
  // Some servers print their address before they listen.
  for (let tries = 0; tries < 100; tries++) {
    if (await fetch(url).catch(() => undefined)) return { url, close };
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  await close();
  throw new Error(`npm run ${script} does not answer at ${url}:\n${output}`);
}

/** The bytes that visitors of a folder may download: scripts as gzip sends them, WebAssembly as it is. */
function sizesOf(output) {
  const paths = existsSync(output) ? readdirSync(output, { recursive: true }) : [];
  const bytes = (pattern, measure) =>
    paths
      .filter((path) => pattern.test(path))
      .reduce((sum, path) => sum + measure(readFileSync(join(output, path))), 0);
  return {
    files: paths.filter((path) => path.endsWith(".wasm")),
    js: bytes(/\.m?js$/, (data) => gzipSync(data).length),
    wasm: bytes(/\.wasm$/, (data) => data.length),
  };
}

/** Says which WebAssembly files a build emitted without being asked to, and which are missing. */
function unexpected(files, wanted) {
  // Bundlers put a hash before the ending, or the hash is the whole name.
  const named = files.map((file) => file.replace(/^.*[\\/]/, "")).sort();
  const matches = (file, name) => file.startsWith(name.replace(/\.wasm$/, "")) || /^[\da-f]{16,}\.wasm$/.test(file);
  if (named.length === wanted.length && wanted.every((name) => named.some((file) => matches(file, name)))) return [];
  return [`the build has the WebAssembly files ${named.join(", ") || "none"}, expected ${wanted.join(", ") || "none"}`];
}

/** Runs npm in an application. @throws Error with npm's whole output if it fails or takes too long */
async function succeed(cwd, args) {
  const env = { NEXT_TELEMETRY_DISABLED: "1" };
  const { code, output } = await run("npm", args, { cwd, env, timeout: commandBudget });
  if (code !== 0) throw new Error(`npm ${args.slice(0, 2).join(" ")} ended with code ${code}:\n${output}`);
}
