/** Contenders in processes of their own that take turns, so that a busy machine slows all of them alike. */
import { fork } from "node:child_process";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { median } from "./environment.mjs";

/** Threads of ONNX Runtime spin for a moment after a run; the next contender should not feel them. */
export const pauseMs = 20;

/**
 * Starts `script` (beside this file) once for each name and sends it `settings` with its name.
 * `ask(message)` resolves with the process's next message; `loaded` is the answer to the settings.
 */
export async function startCells(script, names, settings) {
  const cells = [];
  for (const contender of names) {
    const child = fork(fileURLToPath(new URL(script, import.meta.url)));
    let answer;
    child.on("message", (message) => answer.resolve(message));
    child.on("exit", (code) => answer.reject(new Error(`${contender}: its process ended with code ${code}`)));
    const ask = (message) =>
      new Promise((resolve, reject) => {
        answer = { resolve, reject };
        child.send(message);
      });
    cells.push({ contender, ask, loaded: await ask({ ...settings, contender }), turns: [] });
  }
  return cells;
}

/** Lets each cell take a turn in each round; `turn(cell)` gives what is kept of it, once the warm-up is over. */
export async function takeTurns(cells, { rounds, warmUpRounds }, turn) {
  for (let round = -warmUpRounds; round < rounds; round++) {
    for (const cell of cells) {
      await wait(pauseMs);
      const kept = await turn(cell);
      if (round >= 0) cell.turns.push(kept);
    }
    process.stderr.write(`\r${Math.max(round + 1, 0)}/${rounds} rounds`);
  }
  process.stderr.write("\n");
}

/** How much faster than `reference`: the median, over the rounds, of ratios between turns that were neighbours in time. */
export const speedup = (referenceTimes, times) => median(referenceTimes.map((time, round) => time / times[round]));
