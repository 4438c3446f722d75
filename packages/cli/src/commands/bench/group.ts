/** The cells of one model and batch: each is a process, and they take turns, so that a busy machine slows all of them alike. */
import { fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import { median, quantile } from "@ppt-vit/pipeline";
import { withStatus } from "../../output/progress.js";
import { accuracyOf } from "./accuracy.js";
import type { CellAnswer, CellFacts, CellRequest } from "./cell.js";
import type { CellFailure, CellResult, CellSettings, Ratio } from "./schema.js";
import { ratioOfTurns } from "./statistics.js";

/** How turns are taken. Every recorded result states it. */
export const schedule = {
  runsPerTurn: 5,
  /** A slow backend makes one or two runs in a turn, so that its turns do not use up the group's time. */
  turnLimitMs: 1000,
  maxRounds: 30,
} as const;

/** A median of fewer rounds means little, so these are made however long they take. */
const fewestRounds = 5;
/** Threads of a runtime may spin for a moment after a run; the pause keeps them from slowing the next contender. */
const pauseMs = 20;
/** Characters of stderr that are kept: enough to read why a process ended. */
const keptOfStderr = 10_000;
/** For preparing, and for opening with one run; software GPUs are slow. */
const openTimeoutMs = 300_000;

export interface GroupResult {
  readonly results: readonly CellResult[];
  readonly failures: readonly CellFailure[];
}

/** A measured process, which answers one request at a time. */
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

export interface Group {
  /** All of the same model and batch. */
  readonly cells: readonly CellSettings[];
  /** Modules of `--contenders`. */
  readonly contenders: readonly string[];
  /** For each backend the one that computes the same in floats, with which its answers are compared. */
  readonly floats: ReadonlyMap<string, string>;
  /** The backend whose cells every other cell is compared to as well. */
  readonly reference?: string | undefined;
  /** The settings whose cells those of the other `--reduction` settings are compared to as well. */
  readonly first?: string | undefined;
}

/**
 * Opens all cells, then lets them take turns until another round would not end within `limitMs`. A cell that fails is
 * listed among the failures, and the others go on.
 */
export const measureGroup = (group: Group, limitMs: number): Promise<GroupResult> =>
  withStatus((tell) => measure(group, limitMs, tell));

async function measure(group: Group, limitMs: number, tell: (status: string) => void): Promise<GroupResult> {
  const start = performance.now();
  const failures: CellFailure[] = [];
  let cells: Cell[] = [];
  const { model, batch } = group.cells[0]!;
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
    const result = await finish(cell, cells, group);
    if ("code" in result) failures.push(result);
    else results.push(result);
  }
  return { results, failures };
}

/** Prepares as many cells at once as there are cores, since nothing of it is measured. The result is in the order of the cells. */
async function prepareAll({ cells, contenders }: Group): Promise<(Process | CellFailure)[]> {
  const prepared: (Process | CellFailure)[] = [];
  const waiting = [...cells.entries()];
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [at, settings] = next;
      const cell = startProcess(settings);
      const answer = await within(openTimeoutMs, cell, { prepare: settings, contenders });
      prepared[at] = "prepared" in answer ? cell : giveUp(cell, answer);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return prepared;
}

/** Opens one cell while the others wait, because loading and the first run are measured. */
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

/** A process for each cell gives it its own peak memory, threads and global settings of runtimes. */
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
        // Sending to a process that has just ended fails; its "close" event answers instead.
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

async function finish(
  cell: Cell,
  cells: readonly Cell[],
  { reference, floats, first }: Group,
): Promise<CellResult | CellFailure> {
  const { settings, times, turnMs } = cell;
  const { logits, ...facts } = cell.facts;
  const end = await cell.ask({ finish: true });
  if (!("peakMemoryBytes" in end)) return giveUp(cell, end);
  const medianMs = median(times);
  const ratios = ratiosOf(cell, cells, { reference, first });
  const over = floats.get(settings.backend);
  const exact = cells.find(({ settings: { backend, policy } }) => backend === over && policy === settings.policy);
  const accuracy =
    exact && accuracyOf(logits, exact.facts.logits, { over: exact.settings.backend, batch: settings.batch });
  const overUnreduced = ratios.find(({ backend, policy }) => backend === settings.backend && policy === "unreduced");
  return {
    ...settings,
    ...facts,
    turnMs,
    medianMs,
    p90Ms: quantile(times, 0.9),
    imagesPerSecond: (1000 * settings.batch) / medianMs,
    speedup: settings.policy === "unreduced" ? 1 : (overUnreduced?.median ?? null),
    ratios,
    effectiveGflops: (2 * facts.gmacs * settings.batch * 1000) / medianMs,
    peakMemoryBytes: end.peakMemoryBytes,
    ...(accuracy && { accuracy }),
  };
}

/**
 * Over the unreduced model on the same backend, and over the first of several settings; on the reference backend, over the same policy
 * and the unreduced model.
 */
function ratiosOf(
  cell: Cell,
  group: readonly Cell[],
  { reference, first }: Pick<Group, "reference" | "first">,
): Ratio[] {
  const { backend, policy, reduction } = cell.settings;
  const isCompared = ({ settings: other }: Cell) =>
    (other.backend === backend && other.policy === "unreduced") ||
    (other.backend === backend && reduction !== undefined && other.policy === first) ||
    (other.backend === reference && (other.policy === policy || other.policy === "unreduced"));
  return group
    .filter((other) => other !== cell && isCompared(other))
    .map((other) => ({
      backend: other.settings.backend,
      policy: other.settings.policy,
      ...ratioOfTurns(other.turnMs, cell.turnMs),
    }));
}

const failureOf = (settings: CellSettings, answer: CellAnswer): CellFailure =>
  "failure" in answer
    ? { ...settings, ...answer.failure }
    : { ...settings, code: "UNEXPECTED", message: `unexpected answer ${JSON.stringify(answer)}` };
