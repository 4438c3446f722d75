/** A progress bar on stderr for long work, and nothing where nobody watches. */
import { Presets, SingleBar } from "cli-progress";

export interface Progress {
  advance(): void;
  /** Prints something without tearing the bar. */
  interrupt(print: () => void): void;
  stop(): void;
}

/** Work of fewer steps ends before a bar says anything. */
const fewSteps = 4;

export function progressBar(total: number): Progress {
  if (!process.stderr.isTTY || total < fewSteps) return { advance() {}, interrupt: (print) => print(), stop() {} };
  // Cursor and wrapping of lines stay as they are: after Ctrl-C nobody would bring them back.
  const format = "{bar} {value}/{total}, {eta_formatted} left";
  const bar = new SingleBar(
    { format, stream: process.stderr, hideCursor: false, linewrap: true, clearOnComplete: true },
    Presets.shades_classic,
  );
  bar.start(total, 0);
  return {
    advance: () => bar.increment(),
    interrupt(print) {
      // The bar's line is wiped, the text printed, and the next update draws the bar below it.
      process.stderr.write("\r\x1b[2K");
      print();
      bar.render();
    },
    stop: () => bar.stop(),
  };
}
