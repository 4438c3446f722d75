/** `ppt-vit bench`: backends, models, policies and batches against each other on this machine. */
import { execFileSync, fork } from "node:child_process";
import { writeFileSync } from "node:fs";
import { arch, availableParallelism, cpus, platform, totalmem } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import { PptError } from "@ppt-vit/core";
import { backendNames } from "@ppt-vit/pipeline";
import { packageVersions } from "../doctor.js";
import type { CellAnswer, CellRequest, Turn } from "./cell.js";
import { type BenchPolicy, requireModelName } from "./model.js";
import { measurePeakMatmul } from "./peak.js";
import { renderReport } from "./report.js";
import { median, medianRatio, quantile } from "./statistics.js";
import { resultTable } from "./table.js";
import type { BenchDocument, CellFailure, CellResult, CellSettings } from "./types.js";

export interface BenchFlags {
  readonly backends?: readonly string[];
  readonly models: readonly string[];
  readonly policies: readonly BenchPolicy[];
  readonly batches: readonly number[];
  readonly seconds: number;
  readonly quick: boolean;
  readonly out?: string;
  readonly report?: string;
  readonly json: boolean;
}

/** Those that run in Node without a GPU; others are named on the command line. */
const defaultBackends = ["cpu", "onnx-cpu", "onnx-wasm", "tfjs-wasm"];

/** Threads of a runtime may spin for a moment after a run; the next contender should not feel them. */
const pauseMs = 20;
const runsPerTurn = 5;
const maxRounds = 30;
const fewestRounds = 3;
/** A cell of a slow backend may not take a group's whole time. */
const turnLimitMs = 1500;
/** Opening and one run; software GPUs are slow. */
const openTimeoutMs = 300_000;

const quick = { models: ["demo", "deit-s"], policies: ["unreduced", "ppt"], batches: [1], seconds: 40 } as const;

/**
 * Measures group by group: what shares a model and a batch takes turns, so that a busy machine slows all alike.
 * -> exit code, 1 where nothing could be measured
 */
export async function benchCommand(flags: BenchFlags): Promise<0 | 1> {
  const { models, policies, batches, seconds } = flags.quick ? quick : flags;
  const backends = flags.backends ?? defaultBackends;
  for (const backend of backends)
    if (!backendNames.includes(backend.replace(/^(onnx-.*):fp16$/, "$1")))
      throw new PptError("UNKNOWN_BACKEND", `unknown backend '${backend}'; available: ${backendNames.join(", ")}`);

  for (const model of models) requireModelName(model);

  const results: CellResult[] = [];
  const failures: CellFailure[] = [];
  for (const model of models)
    for (const batch of batches) {
      const group = backends.flatMap((backend) => policies.map((policy) => ({ backend, model, policy, batch })));
      const measured = await measureGroup(group, seconds * 1000);
      results.push(...measured.results);
      failures.push(...measured.failures);
    }
  const document: BenchDocument = {
    benchmark: "ppt-vit bench",
    version: 1,
    date: new Date().toISOString(),
    ...commit(),
    versions: installedVersions(),
    hardware: {
      cpu: cpus()[0]!.model.trim(),
      cores: availableParallelism(),
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      platform: platform(),
      arch: arch(),
    },
    settings: { secondsPerGroup: seconds, runsPerTurn, maxRounds },
    peakMatmulGflops: await measurePeakMatmul(),
    results,
    failures,
  };
  if (flags.out) writeFileSync(flags.out, `${JSON.stringify(document, null, 1)}\n`);
  if (flags.report) writeFileSync(flags.report, renderReport([document]));
  process.stdout.write(flags.json ? `${JSON.stringify(document, null, 1)}\n` : resultTable(document));
  return results.length > 0 ? 0 : 1;
}

interface Cell {
  readonly settings: CellSettings;
  readonly opened: { readonly gmacs: number; readonly loadMs: number; readonly firstRunMs: number };
  ask(request: CellRequest): Promise<CellAnswer>;
  readonly times: number[];
  readonly turnMs: number[];
}

async function measureGroup(group: readonly CellSettings[], limitMs: number) {
  const cells: Cell[] = [];
  const failures: CellFailure[] = [];
  for (const settings of group) {
    const name = `${settings.model}, batch ${settings.batch}: opening ${settings.backend}, ${settings.policy}`;
    progress(name);
    const cell = await openCell(settings);
    if ("code" in cell) failures.push(cell);
    else cells.push(cell);
  }
  const start = performance.now();
  for (let round = 0; round < maxRounds; round++) {
    if (round >= fewestRounds && performance.now() - start > limitMs) break;
    progress(`${group[0]!.model}, batch ${group[0]!.batch}: round ${round + 1}`);
    for (const cell of cells) {
      await wait(pauseMs);
      const turn: Turn = { runs: runsPerTurn, limitMs: turnLimitMs };
      const answer = await cell.ask({ turn });
      if (!("times" in answer)) throw new Error(`bench: ${JSON.stringify(cell.settings)}: ${JSON.stringify(answer)}`);
      cell.times.push(...answer.times);
      cell.turnMs.push(answer.medianMs);
    }
  }
  const results: CellResult[] = [];
  for (const cell of cells) results.push(await finish(cell, cells));
  progress("");
  return { results, failures };
}

/** In a process of its own, so that peak memory, threads and global settings of runtimes are its own too. */
async function openCell(settings: CellSettings): Promise<Cell | CellFailure> {
  const child = fork(process.argv[1]!, ["bench-cell"], { stdio: ["ignore", "ignore", "ignore", "ipc"] });
  let waiting: { resolve(answer: CellAnswer): void } | undefined;
  let ended: string | undefined;
  child.on("message", (answer: CellAnswer) => waiting?.resolve(answer));
  child.on("exit", (code, signal) => {
    ended = `its process ended with ${signal ?? `code ${code}`}`;
    waiting?.resolve({ failure: { code: "UNEXPECTED", message: ended } });
  });
  const ask = (request: CellRequest) =>
    new Promise<CellAnswer>((resolve) => {
      if (ended !== undefined) resolve({ failure: { code: "UNEXPECTED", message: ended } });
      waiting = { resolve };
      child.send(request);
    });
  const timeout = setTimeout(() => child.kill("SIGKILL"), openTimeoutMs);
  const answer = await ask({ open: settings });
  clearTimeout(timeout);
  if ("opened" in answer) return { settings, opened: answer.opened, ask, times: [], turnMs: [] };
  child.kill();
  if ("failure" in answer) return { ...settings, ...answer.failure };
  throw new Error(`bench: unexpected answer ${JSON.stringify(answer)}`);
}

async function finish(cell: Cell, group: readonly Cell[]): Promise<CellResult> {
  const { settings, opened, times, turnMs } = cell;
  const end = await cell.ask({ finish: true });
  const medianMs = median(times);
  const unreduced = group.find(
    (other) => other.settings.backend === settings.backend && other.settings.policy === "unreduced",
  );
  return {
    ...settings,
    ...opened,
    turnMs,
    medianMs,
    p90Ms: quantile(times, 0.9),
    imagesPerSecond: (1000 * settings.batch) / medianMs,
    speedup: unreduced ? medianRatio(unreduced.turnMs, turnMs) : null,
    effectiveGflops: (2 * opened.gmacs * settings.batch * 1000) / medianMs,
    peakMemoryBytes: "peakMemoryBytes" in end ? end.peakMemoryBytes : Number.NaN,
  };
}

/** One line on stderr that the next one replaces. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${text}`);
}

const installedVersions = (): Record<string, string> => ({
  node: process.version,
  ...Object.fromEntries(
    Object.entries(packageVersions()).filter((entry): entry is [string, string] => entry[1] !== null),
  ),
});

function commit(): { commit?: string } {
  const git = (...args: string[]) =>
    execFileSync("git", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  try {
    return { commit: git("rev-parse", "HEAD") + (git("status", "--porcelain", "-uno") ? " with local changes" : "") };
  } catch {
    // No git, or no working tree: a user's own machine.
    return {};
  }
}
