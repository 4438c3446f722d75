/** Downloads of models on stderr. */
import { type ProgressInfo, sourceKind } from "@ppt-vit/pipeline";
import type { SingleBar } from "cli-progress";
import { showBytes } from "./bytes.js";
import { say } from "./print.js";
import { isWatched, startBar } from "./progress.js";
import { shown } from "./terminal.js";

/** Files that arrive before anybody has read a line about them. */
const smallBytes = 1e6;

/** Downloads on stderr: a bar where somebody watches, else a line a file. What is on the disk is not mentioned. */
export function downloadProgress(): { report(info: ProgressInfo): void; stop(): void } {
  const known = new Set<string>();
  let bar: SingleBar | undefined;
  const stop = () => {
    bar?.stop();
    bar = undefined;
  };
  return {
    report(info) {
      if (info.status === "notice") {
        stop();
        return say(info.message);
      }
      if (info.status === "done") stop();
      if (info.status !== "progress") return;
      const { name, file, loaded, total } = info;
      if (known.has(file)) return bar?.update(loaded);
      // Files on the disk come whole.
      if (loaded >= total || total < smallBytes || sourceKind(name) !== "hub") return;
      known.add(file);
      if (!isWatched()) return say(`downloading ${name}/${file}, ${showBytes(total)}`);
      stop();
      const formatValue = (value: number, _: unknown, type: string) =>
        type === "value" || type === "total" ? showBytes(value) : String(value);
      const format = "{file} {bar} {value} of {total}, {eta_formatted} left";
      bar = startBar(total, loaded, { format, formatValue }, { file: shown(file) });
    },
    stop,
  };
}
