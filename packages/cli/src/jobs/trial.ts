/**
 * Tries suspects in a process of its own, which runs the same command: if it ends, the picture that it had is guilty. Only then is the
 * picture left out, so a worker that was killed from outside loses nothing.
 */
import { fork } from "node:child_process";
import type { PictureSource } from "@ppt-vit/pipeline";
import type { Item } from "./inputs/item.js";
import type { OpenTask } from "./task.js";
import type { WorkLog } from "./work-log.js";

/** Set in the process that tries pictures. */
const variable = "PPT_VIT_TRIAL";

/** The backend on which pictures are tried: the one that the parent took. */
export const trialBackend = (): string | undefined => process.env[`${variable}_BACKEND`];

/** Whether this process is one that tries pictures for another. */
export const isTrial = (): boolean => process.env[variable] === "1" && process.send !== undefined;

interface Question {
  readonly index: number;
  readonly item: Item;
}

/** Answers the parent's questions until it ends. */
export async function answerTrials(task: OpenTask, sourceOf: (item: Item) => PictureSource): Promise<void> {
  const ended = new Promise<void>((resolve) => process.once("disconnect", resolve));
  let last: Promise<unknown> = Promise.resolve();
  process.on("message", ({ index, item }: Question) => {
    last = last.then(async () => {
      for await (const _ of task.run([sourceOf(item)]));
      process.send!(index);
    });
  });
  process.send!("ready");
  await ended;
  await last;
}

/** Tries the suspects of a part, and notes who is guilty. */
export async function trySuspects(items: readonly Item[], log: WorkLog, backend: string): Promise<void> {
  const waiting = [...log.suspects];
  while (waiting.length > 0) if (!(await tryFrom(waiting, items, log, backend))) return;
}

/** @returns false if the process did not even begin, which says nothing about a picture */
function tryFrom(waiting: number[], items: readonly Item[], log: WorkLog, backend: string): Promise<boolean> {
  const child = fork(process.argv[1]!, process.argv.slice(2), {
    env: { ...process.env, [variable]: "1", [`${variable}_BACKEND`]: backend },
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  let asked: number | undefined;
  let began = false;
  const ask = () => {
    asked = waiting[0];
    if (asked === undefined) {
      child.kill("SIGKILL");
      return;
    }
    log.try(asked);
    child.send({ index: asked, item: items[asked]! } satisfies Question);
  };
  return new Promise((resolve, reject) => {
    const attempt = (action: () => void) => {
      try {
        action();
      } catch (error) {
        child.kill("SIGKILL");
        reject(error);
      }
    };
    child.on("error", reject);
    child.on("message", () =>
      attempt(() => {
        began = true;
        if (asked !== undefined) log.passed(waiting.shift()!);
        ask();
      }),
    );
    child.on("close", () =>
      attempt(() => {
        if (asked !== undefined) log.blame(waiting.shift()!);
        resolve(began);
      }),
    );
  });
}
