/** Progress on stderr while work goes on: bars and lines that go away with it, and nothing where nobody watches. */
import { type Options, Presets, SingleBar } from "cli-progress";
import { shown } from "./terminal.js";

export interface Progress {
  advance(): void;
  /** Prints something without tearing the bar. */
  interrupt(print: () => void): void;
}

/** Work of fewer steps ends before a bar says anything. */
const fewSteps = 4;

/** Does work of `total` steps, with a bar that goes when the work ends, in whatever way. */
export async function withProgress<R>(total: number, work: (progress: Progress) => Promise<R>): Promise<R> {
  if (!isWatched() || total < fewSteps) return work({ advance() {}, interrupt: (print) => print() });
  const bar = startBar(total, 0, { format: "{bar} {value}/{total}, {eta_formatted} left" });
  try {
    return await work({
      advance: () => bar.increment(),
      interrupt(print) {
        // The bar's line is wiped, the text printed, and the next update draws the bar below it.
        wipeLine();
        print();
        bar.render();
      },
    });
  } finally {
    bar.stop();
  }
}

/** Whether somebody looks at stderr. */
export const isWatched = (): boolean => process.stderr.isTTY === true;

/** Must be stopped in a `finally`, because its timer keeps the process alive. Texts of `values` are to be escaped before. */
export function startBar(total: number, done: number, options: Options, values?: object): SingleBar {
  // Cursor and wrapping of lines stay as they are: after Ctrl-C nobody would bring them back.
  const bar = new SingleBar(
    { ...options, stream: process.stderr, hideCursor: false, linewrap: true, clearOnComplete: true },
    Presets.shades_classic,
  );
  bar.start(total, done, values);
  return bar;
}

/** Tells what is being done in one line, which the next call replaces, and which goes when the work ends. */
export async function withStatus<R>(work: (tell: (text: string) => void) => Promise<R>): Promise<R> {
  if (!isWatched()) return work(() => {});
  try {
    return await work((text) => {
      wipeLine();
      process.stderr.write(shown(text));
    });
  } finally {
    wipeLine();
  }
}

const wipeLine = () => void process.stderr.write("\r\x1b[2K");
