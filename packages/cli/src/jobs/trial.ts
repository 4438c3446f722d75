/**
 * Tries suspects in a process of its own, which runs the same command: if it ends, the picture that it had is guilty. Only then is the
 * picture left out, so a worker that was killed from outside loses nothing.
 */
import { fork } from "node:child_process";
import { type Item, Stop } from "./inputs/item.js";
import type { Pulse } from "./pulse.js";
import type { OpenTask } from "./task.js";
import type { WorkLog } from "./work-log.js";

/** Set in the process that tries pictures. */
const variable = "PPT_VIT_TRIAL";

/** The backend on which pictures are tried: the one that the parent took. */
export const trialBackend = (): string | undefined => process.env[`${variable}_BACKEND`];

/** How often the parent shows that it waits for a trial, in milliseconds. */
const stepMs = 250;

/** Whether this process is one that tries pictures for another. */
export const isTrial = (): boolean => process.env[variable] === "1" && process.send !== undefined;

interface Question {
  readonly index: number;
  readonly item: Item;
}

/**
 * Answers the parent's questions until it ends. For each picture it says `read`, and then its number.
 * @param pulse ends this process if a picture takes too long, also after the parent was killed
 */
export async function answerTrials(
  task: OpenTask,
  pulse: Pulse,
  readOf: (item: Item) => Promise<Uint8Array>,
): Promise<void> {
  const ended = new Promise<void>((resolve) => process.once("disconnect", resolve));
  let last: Promise<unknown> = Promise.resolve();
  process.on("message", ({ index, item }: Question) => {
    last = last.then(async () => {
      pulse.hold();
      const read = async () => {
        const bytes = await readOf(item);
        process.send!("read");
        return bytes;
      };
      for await (const _ of task.run([{ name: item.name, read }]));
      pulse.drop();
      process.send!(index);
    });
  });
  process.send!("ready");
  await ended;
  await last;
  pulse.close();
}

interface Trial {
  readonly items: readonly Item[];
  readonly backend: string;
  readonly pulse: Pulse;
  /** How long a picture may take. */
  readonly stallMs: number;
}

/** Tries the suspects of a part, and notes who is guilty. @throws Stop if a picture could not even be read in time */
export async function trySuspects(log: WorkLog, trial: Trial): Promise<void> {
  const waiting = [...log.suspects];
  while (waiting.length > 0) if (!(await tryFrom(waiting, log, trial))) return;
}

/** @returns false if the process did not even begin, which says nothing about a picture */
function tryFrom(waiting: number[], log: WorkLog, { items, backend, pulse, stallMs }: Trial): Promise<boolean> {
  const child = fork(process.argv[1]!, process.argv.slice(2), {
    env: { ...process.env, [variable]: "1", [`${variable}_BACKEND`]: backend },
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  let asked: number | undefined;
  let [since, wasRead, began] = [0, false, false];
  const silentMs = () => performance.now() - since;
  // The child ends itself when it hangs. Only if it cannot, this process hangs, too, and ends itself.
  const patience = setInterval(() => {
    if (asked !== undefined && silentMs() < 2 * stallMs) pulse.step();
  }, stepMs);
  const ask = () => {
    asked = waiting[0];
    if (asked === undefined) {
      child.kill("SIGKILL");
      return;
    }
    log.try(asked);
    [since, wasRead] = [performance.now(), false];
    child.send({ index: asked, item: items[asked]! } satisfies Question);
  };
  const judge = () => {
    if (asked === undefined) return;
    // Its disk hung, and not its decoder.
    if (!wasRead && silentMs() >= stallMs)
      throw new Stop(`${items[asked]!.name} could not be read within ${stallMs / 1000} s`);
    log.blame(waiting.shift()!);
  };
  return new Promise<boolean>((resolve, reject) => {
    const attempt = (action: () => void) => {
      try {
        action();
      } catch (error) {
        child.kill("SIGKILL");
        reject(error);
      }
    };
    child.on("error", reject);
    child.on("message", (what) =>
      attempt(() => {
        if (what === "read") {
          wasRead = true;
          return;
        }
        began = true;
        if (asked !== undefined) log.passed(waiting.shift()!);
        ask();
      }),
    );
    child.on("close", () =>
      attempt(() => {
        judge();
        resolve(began);
      }),
    );
  }).finally(() => clearInterval(patience));
}
