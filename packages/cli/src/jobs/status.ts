/** One line about a job: how far it is, how fast, how much of the time it waits for pictures, and how long it will take. */
import { performance } from "node:perf_hooks";
import { counted } from "@ppt-vit/core/options";
import { say } from "../output/print.js";
import { drawLine, isWatched, wipeLine } from "../output/progress.js";

/** How often the line is renewed on a terminal, and added elsewhere, in milliseconds. */
const [renewMs, addMs] = [250, 30_000];

export interface Times {
  readonly total: number;
  readonly model: number;
  readonly waiting: number;
}

/**
 * Measures from now on. `waiting` is the time in which the main thread had nothing to do because no picture was decoded yet. Most
 * runtimes block the thread while a model runs; where one does not, the model's time is taken off.
 */
export function startTimes(): (modelMs: number) => Times {
  const start = performance.now();
  const before = performance.eventLoopUtilization();
  return (modelMs) => {
    const { active } = performance.eventLoopUtilization(before);
    const total = performance.now() - start;
    const busy = active >= modelMs ? active : active + modelMs;
    return { total, model: modelMs, waiting: Math.max(0, total - busy) };
  };
}

/** `1 h 05 min`, `4 min 10 s`, `12 s` */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  const two = (value: number) => String(value).padStart(2, "0");
  if (whole >= 3600) return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
  return whole >= 60 ? `${Math.floor(whole / 60)} min ${two(whole % 60)} s` : `${whole} s`;
}

export const rate = (perSecond: number): string => `${perSecond < 100 ? perSecond.toFixed(1) : perSecond.toFixed(0)}/s`;

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

export interface JobStatus {
  /** Pictures that this worker has done since it began. */
  advance(pictures: number, failed: number): void;
  /** How many pictures are left for all workers of these parts. */
  left(pictures: number): void;
  /** Says what is being done instead. */
  tell(text: string): void;
  interrupt(print: () => void): void;
  stop(): void;
}

export function startStatus(total: number, timesNow: () => Times): JobStatus {
  let [done, failed, left] = [0, 0, total];
  let doneBefore = total;
  let last = performance.now();
  const begin = last;
  let first = true;
  const text = () => {
    const { total: ms, waiting } = timesNow();
    const perSecond = done / ((performance.now() - begin) / 1000);
    const share = ms > 0 ? waiting / ms : 0;
    const parts = [`${total - left} of ${counted(total, "picture")}`];
    if (failed > 0) parts.push(`${failed} with errors`);
    if (done > 0) parts.push(rate(perSecond), `waiting ${percent(share)}`);
    // Other workers take parts too, so the time left follows from what all of them did.
    const together = (doneBefore - left) / ((performance.now() - begin) / 1000);
    if (together > 0 && left > 0) parts.push(`${duration(left / together)} left`);
    return parts.join(", ");
  };
  const show = (what: string, force = false) => {
    const now = performance.now();
    if (!force && now - last < (isWatched() ? renewMs : addMs)) return;
    last = now;
    if (isWatched()) drawLine(what);
    else say(what);
  };
  return {
    advance(pictures, bad) {
      done += pictures;
      failed += bad;
      left -= pictures;
      show(text());
    },
    left(pictures) {
      if (first) doneBefore = pictures;
      first = false;
      left = pictures;
    },
    tell: (what) => show(what),
    interrupt(print) {
      if (isWatched()) wipeLine();
      print();
    },
    stop() {
      if (isWatched()) wipeLine();
    },
  };
}
