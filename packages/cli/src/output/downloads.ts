/** Shows downloads of models on stderr. */
import { type ProgressInfo, sourceKind } from "@ppt-vit/pipeline";
import type { SingleBar } from "cli-progress";
import { showBytes } from "./bytes.js";
import { backendLine } from "./install.js";
import { say } from "./print.js";
import { isWatched, startBar } from "./progress.js";
import { shown } from "./terminal.js";

/** Smaller files are not shown: they arrive before anybody has read the line. */
const smallBytes = 1e6;

/** Shows a progress bar on a terminal, otherwise one line per file. Files that are already in the cache are not mentioned. */
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
        return say(info.backend === undefined ? info.message : backendLine(info));
      }
      if (info.status === "done") stop();
      if (info.status !== "progress") return;
      const { name, file, loaded, total } = info;
      if (known.has(file)) return bar?.update(loaded);
      // A file from the cache is complete with its first report.
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
