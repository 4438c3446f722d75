/** The machine, for the automatic choice of a backend, and the file that keeps results of its checks. */
import { randomBytes } from "node:crypto";
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { cpus, homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { inMemoryToo, type SelectionCache } from "../backends/kept-checks.js";
import type { Machine } from "../backends/machine.js";
import { makeFolder } from "./make-folder.js";

type Environment = Readonly<Record<string, string | undefined>>;

/** The oldest results leave the file when it has more. */
const mostEntries = 100;
/** A larger file is not ours. */
const mostBytes = 2 ** 20;

export function nodeMachine(): Machine {
  const { version, platform, arch } = process;
  return {
    facts: [version, platform, arch, cpus()[0]?.model ?? "unknown processor"].join(" "),
    system: () => `${platform}-${arch}${platform === "linux" && !hasGlibc() ? "-musl" : ""}`,
    store: inMemoryToo(fileStore(() => checksFile(process.env))),
  };
}

/** Compiled packages for Linux need glibc, which Alpine does not have. */
function hasGlibc(): boolean {
  const report = process.report as typeof process.report & { excludeNetwork?: boolean };
  const { excludeNetwork = false } = report;
  // The report would ask for the names of all network interfaces.
  report.excludeNetwork = true;
  const { header } = report.getReport() as { readonly header?: { readonly glibcVersionRuntime?: string } };
  report.excludeNetwork = excludeNetwork;
  return header?.glibcVersionRuntime !== undefined;
}

/** The file of results: in `PPT_VIT_CACHE_DIR`, else in the user's cache folder. Undefined if that variable is empty. */
export function checksFile(env: Environment, platform: NodeJS.Platform = process.platform): string | undefined {
  const own = env.PPT_VIT_CACHE_DIR;
  if (own === "") return undefined;
  return join(own ?? join(cacheFolder(env, platform), "ppt-vit"), "backend-checks.json");
}

function cacheFolder(env: Environment, platform: NodeJS.Platform): string {
  if (platform === "win32") return env.LOCALAPPDATA || join(homedir(), "AppData", "Local");
  // The specification of XDG_CACHE_HOME says that a relative path is to be ignored.
  if (env.XDG_CACHE_HOME && isAbsolute(env.XDG_CACHE_HOME)) return env.XDG_CACHE_HOME;
  return platform === "darwin" ? join(homedir(), "Library", "Caches") : join(homedir(), ".cache");
}

/**
 * A JSON file of texts by key. It is replaced as a whole, so that a reader never sees half of it. Of two processes that write at
 * the same time one may lose its result, and checks again.
 */
export function fileStore(fileOf: () => string | undefined): SelectionCache {
  return {
    getItem(key) {
      const file = fileOf();
      return (file && readEntries(file).get(key)) ?? null;
    },
    setItem(key, value) {
      const file = fileOf();
      if (!file) return;
      const entries = readEntries(file);
      // Behind the others, as the newest.
      entries.delete(key);
      entries.set(key, value);
      makeFolder(join(file, ".."));
      const fresh = `${file}.${process.pid}.${randomBytes(4).toString("hex")}`;
      try {
        writeFileSync(fresh, JSON.stringify(Object.fromEntries([...entries].slice(-mostEntries))), { flag: "wx" });
        renameSync(fresh, file);
      } catch (error) {
        rmSync(fresh, { force: true });
        throw error;
      }
    },
  };
}

/** What the file holds; nothing if it is not there, cannot be read, or is damaged. */
function readEntries(file: string): Map<string, string> {
  try {
    // Reading a pipe would wait for a writer.
    const { size } = requireFile(file);
    const json = size > mostBytes ? {} : (JSON.parse(readFileSync(file, "utf8")) as unknown);
    return new Map(
      Object.entries(json ?? {}).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
    );
  } catch {
    return new Map();
  }
}

function requireFile(file: string): { readonly size: number } {
  const found = statSync(file);
  if (!found.isFile()) throw new Error(`${file} is no file`);
  return found;
}
