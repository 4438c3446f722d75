/** The contenders of one model and batch, each in a process of its own, taking turns: a busy machine slows all alike. */
import { fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import { withStatus } from "../../output/progress.js";
import type { CellAnswer, CellFacts, CellRequest } from "./cell.js";
import { median, medianRatio, quantile } from "./statistics.js";
import type { CellFailure, CellResult, CellSettings } from "./types.js";

/** What a recorded result says about how it was measured. */
export const schedule = {
  runsPerTurn: 5,
  /** A turn of a slow backend is one or two runs, so that it does not take a group's whole time. */
  turnLimitMs: 1000,
  maxRounds: 30,
} as const;

/** Fewer would have no median to speak of, however slow the machine. */
const fewestRounds = 5;
/** Threads of a runtime may spin for a moment after a run; the next contender should not feel them. */
const pauseMs = 20;
/** Characters: enough for the reason why a process ended. */
const keptOfStderr = 10_000;
/** Preparing, opening and one run; software GPUs are slow. */
const openTimeoutMs = 300_000;

export interface GroupResult {
  readonly results: readonly CellResult[];
  readonly failures: readonly CellFailure[];
}

/** A process that is being asked. */
interface Process {
  readonly settings: CellSettings;
  ask(request: CellRequest): Promise<CellAnswer>;
  kill(): void;
}

interface Cell extends Process {
  readonly facts: CellFacts;
  readonly times: number[];
  readonly turnMs: number[];
}

/**
 * Opens all, then lets them take turns until another round would not end within `limitMs`. What fails is listed, and the
 * others go on.
 */
export const measureGroup = (group: readonly CellSettings[], limitMs: number): Promise<GroupResult> =>
  withStatus((tell) => measure(group, limitMs, tell));

async function measure(
  group: readonly CellSettings[],
  limitMs: number,
  tell: (status: string) => void,
): Promise<GroupResult> {
  const start = performance.now();
  const failures: CellFailure[] = [];
  let cells: Cell[] = [];
  const { model, batch } = group[0]!;
  tell(`${model}, batch ${batch}: preparing`);
  for (const prepared of await prepareAll(group)) {
    if (!("code" in prepared))
      tell(`${model}, batch ${batch}: opening ${prepared.settings.backend}, ${prepared.settings.policy}`);
    const cell = "code" in prepared ? prepared : await openCell(prepared);
    if ("code" in cell) failures.push(cell);
    else cells.push(cell);
  }
  let longestRoundMs = 0;
  for (let round = 0; round < schedule.maxRounds && cells.length > 0; round++) {
    const roundStart = performance.now();
    if (round >= fewestRounds && roundStart - start + longestRoundMs > limitMs) break;
    tell(`${model}, batch ${batch}: round ${round + 1}`);
    for (const cell of cells) {
      const failure = await takeTurn(cell);
      if (!failure) continue;
      failures.push(failure);
      cells = cells.filter((other) => other !== cell);
    }
    longestRoundMs = Math.max(longestRoundMs, performance.now() - roundStart);
  }
  const results: CellResult[] = [];
  for (const cell of cells) {
    const result = await finish(cell, cells);
    if ("code" in result) failures.push(result);
    else results.push(result);
  }
  return { results, failures };
}

/** As many at once as there are cores, since nothing of it is measured; in the order of the group. */
async function prepareAll(group: readonly CellSettings[]): Promise<(Process | CellFailure)[]> {
  const prepared: (Process | CellFailure)[] = [];
  const waiting = [...group.entries()];
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [at, settings] = next;
      const cell = startProcess(settings);
      const answer = await within(openTimeoutMs, cell, { prepare: settings });
      prepared[at] = "prepared" in answer ? cell : giveUp(cell, answer);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return prepared;
}

/** One after the other: loading and the first run are measured. */
async function openCell(cell: Process): Promise<Cell | CellFailure> {
  const answer = await within(openTimeoutMs, cell, { open: true });
  return "opened" in answer ? { ...cell, facts: answer.opened, times: [], turnMs: [] } : giveUp(cell, answer);
}

async function within(ms: number, cell: Process, request: CellRequest): Promise<CellAnswer> {
  const timeout = setTimeout(cell.kill, ms);
  const answer = await cell.ask(request);
  clearTimeout(timeout);
  return answer;
}

/** A process of its own, so that peak memory, threads and global settings of runtimes are its own too. */
function startProcess(settings: CellSettings): Process {
  const child = fork(process.argv[1]!, ["bench-cell"], { stdio: ["ignore", "ignore", "pipe", "ipc"] });
  let said = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-keptOfStderr);
  });
  let waiting: { resolve(answer: CellAnswer): void } | undefined;
  let ended: CellAnswer | undefined;
  child.on("message", (answer: CellAnswer) => waiting?.resolve(answer));
  child.on("close", (code, signal) => {
    const reason = /^\w*Error\b.*$/m.exec(said)?.[0] ?? said.trim().split("\n").at(-1);
    const message = `its process ended with ${signal ?? `code ${code}`}${reason ? `: ${reason}` : ""}`;
    ended = { failure: { code: "UNEXPECTED", message } };
    waiting?.resolve(ended);
  });
  return {
    settings,
    kill: () => void child.kill("SIGKILL"),
    ask: (request) =>
      new Promise<CellAnswer>((resolve) => {
        if (ended) return resolve(ended);
        waiting = { resolve };
        // A process that has just ended takes nothing more, which its end tells.
        child.send(request, () => {});
      }),
  };
}

function giveUp(cell: Process, answer: CellAnswer): CellFailure {
  cell.kill();
  return failureOf(cell.settings, answer);
}

async function takeTurn(cell: Cell): Promise<CellFailure | undefined> {
  await wait(pauseMs);
  const answer = await cell.ask({ turn: { runs: schedule.runsPerTurn, limitMs: schedule.turnLimitMs } });
  if (!("times" in answer)) return giveUp(cell, answer);
  cell.times.push(...answer.times);
  cell.turnMs.push(answer.medianMs);
  return undefined;
}

async function finish(cell: Cell, group: readonly Cell[]): Promise<CellResult | CellFailure> {
  const { settings, facts, times, turnMs } = cell;
  const end = await cell.ask({ finish: true });
  if (!("peakMemoryBytes" in end)) return giveUp(cell, end);
  const medianMs = median(times);
  const unreduced = group.find(
    (other) => other.settings.backend === settings.backend && other.settings.policy === "unreduced",
  );
  return {
    ...settings,
    ...facts,
    turnMs,
    medianMs,
    p90Ms: quantile(times, 0.9),
    imagesPerSecond: (1000 * settings.batch) / medianMs,
    speedup: unreduced ? medianRatio(unreduced.turnMs, turnMs) : null,
    effectiveGflops: (2 * facts.gmacs * settings.batch * 1000) / medianMs,
    peakMemoryBytes: end.peakMemoryBytes,
  };
}

const failureOf = (settings: CellSettings, answer: CellAnswer): CellFailure =>
  "failure" in answer
    ? { ...settings, ...answer.failure }
    : { ...settings, code: "UNEXPECTED", message: `unexpected answer ${JSON.stringify(answer)}` };
