/** Shows progress on stderr while work goes on. Only on a terminal, and removed when the work ends. */
import { type Options, Presets, SingleBar } from "cli-progress";
import { shown } from "./terminal.js";

export interface Progress {
  advance(): void;
  /** Says how far the work is, and how many steps there will be in all. */
  expect(done: number, total: number): void;
  /** Calls `print` with the bar out of the way. */
  interrupt(print: () => void): void;
}

/** Work of fewer steps shows no bar: it would end before the bar tells anything. */
const fewSteps = 4;

/** Does work of `total` steps and shows a bar, which is removed when the work ends or fails. */
export async function withProgress<R>(total: number, work: (progress: Progress) => Promise<R>): Promise<R> {
  if (!isWatched() || total < fewSteps) return work({ advance() {}, expect() {}, interrupt: (print) => print() });
  const bar = startBar(total, 0, { format: "{bar} {value}/{total}, {eta_formatted} left" });
  try {
    return await work({
      advance: () => bar.increment(),
      expect(done, total) {
        bar.setTotal(total);
        bar.update(done);
      },
      interrupt(print) {
        // Erases the bar, prints the text in its place, and draws the bar on the line below.
        wipeLine();
        print();
        bar.render();
      },
    });
  } finally {
    bar.stop();
  }
}

/** Whether stderr is a terminal. */
export const isWatched = (): boolean => process.stderr.isTTY === true;

/** The caller must stop the bar in a `finally`, because its timer keeps the process alive, and escape the texts in `values`. */
export function startBar(total: number, done: number, options: Options, values?: object): SingleBar {
  // Cursor and line wrapping are left alone, because nothing would restore them after Ctrl-C.
  const bar = new SingleBar(
    { ...options, stream: process.stderr, hideCursor: false, linewrap: true, clearOnComplete: true },
    Presets.shades_classic,
  );
  bar.start(total, done, values);
  return bar;
}

/** Shows what is being done in one line. The next call of `tell` replaces it; it is removed when the work ends or fails. */
export async function withStatus<R>(work: (tell: (text: string) => void) => Promise<R>): Promise<R> {
  if (!isWatched()) return work(() => {});
  try {
    return await work(drawLine);
  } finally {
    wipeLine();
  }
}

/** Puts a text in place of the line on the terminal. */
export function drawLine(text: string): void {
  wipeLine();
  process.stderr.write(shown(text));
}

export const wipeLine = () => void process.stderr.write("\r\x1b[2K");
