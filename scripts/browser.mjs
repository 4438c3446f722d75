/** Finds a Chromium or Chrome to test with. `node scripts/browser.mjs` prints its path, or ends with code 1. */
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { argv, env, platform } from "node:process";
import { fileURLToPath } from "node:url";

const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

const usualPlaces = {
  darwin: [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
  ],
  linux: ["/usr/bin", "/usr/local/bin", "/snap/bin"].flatMap((dir) => names.map((name) => `${dir}/${name}`)),
  win32: ["PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"]
    .filter((name) => env[name])
    .map((name) => join(env[name], "Google", "Chrome", "Application", "chrome.exe")),
};

/**
 * Path of the browser, or undefined. CHROMIUM_PATH, where set, is the only candidate: a name chosen on purpose is
 * never replaced by another browser.
 * @returns {string | undefined}
 */
export function findBrowser() {
  const chosen = env.CHROMIUM_PATH;
  if (chosen) return isExecutable(chosen) ? chosen : undefined;
  const folders = (env.PATH ?? "").split(delimiter).filter(Boolean);
  const candidates = [
    ...names.flatMap((name) => folders.map((folder) => join(folder, name))),
    ...(usualPlaces[platform] ?? []),
  ];
  return candidates.find(isExecutable);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const browser = findBrowser();
  if (browser) console.log(browser);
  else process.exitCode = 1;
}
