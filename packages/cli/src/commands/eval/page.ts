/** The result of an evaluation as a self-contained HTML page. */
import { counted } from "@ppt-vit/core/options";
import { html } from "../../output/html.js";
import { besideFirst } from "./reductions.js";
import { columnsOf, comparison, decimals, dtypeComparison, percent } from "./report.js";
import type { ClassSummary, EvalReport } from "./types.js";

/** How many confusions the page shows. The document has all. */
const shownConfusions = 20;

export function reportPage(report: EvalReport): string {
  const { settings, summary, labels, run, shard, failures } = report;
  const { model, backend, dtype, reduction, dataset, batch, limit } = settings;
  const dtypes = dtypeComparison(report);
  const part = shard ? html(`, shard ${shard.index} of ${shard.count}`) : "";
  const versions = Object.entries(run.versions).map(([of, version]) => `${of} ${version}`);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>ppt-vit eval: ${html(model.name)}</title>
<style>${style}</style>
<h1>${html(model.name)} on ${html(dataset.path)}${part}</h1>
<p>${html(`${counted(summary.pictures, "picture")}${limit === null ? "" : ` (at most ${limit})`}, ${settings.labelled === false ? "without labels" : `${report.classes.length} of ${counted(labels.length, "class", "classes")}`}, backend ${backend}${dtype ? ` in ${dtype}` : ""}, batch ${batch}, tokens ${report.tokens.join(" → ")}`)}.
Reduction: <code>${html(reduction ? JSON.stringify(reduction) : "none")}</code></p>
${table(["", ...columnsOf(report)], comparison(report))}
${dtypes ? `<h2>Precisions of the weights</h2>\n${table(dtypes[0]!, dtypes.slice(1))}` : ""}
${summary.agreement ? `<p>${html(`Right only reduced: ${summary.agreement.rightOnlyReduced}. Right only unreduced: ${summary.agreement.rightOnlyUnreduced}.`)}</p>` : ""}
${besideFirst(report)
  .map((sentence) => `<p>${html(sentence)}.</p>`)
  .join("\n")}
${settings.labelled === false ? "" : classTables(report)}
<h2>Pictures that could not be used: ${failures.length}</h2>
${
  failures.length > 0
    ? table(
        ["picture", "why"],
        failures.map(({ file, code, message }) => [file, `${message} [${code}]`]),
      )
    : "<p>None.</p>"
}
<p class="source">${html(`${run.finished}, ${run.hardware.cpu}, ${counted(run.hardware.cores, "thread")}. ${decimals(run.seconds.total, 1)} s, ${decimals(run.picturesPerSecond.overall, 1)} pictures/s in all, waiting for decoding ${percent(run.waitingShare)} of the time. ${versions.join(", ")}. Model ${model.fingerprint}, dataset ${dataset.fingerprint.slice(0, 16)}.`)}</p>
</html>
`;
}

/** What labels tell. */
function classTables({ summary, labels, classes, classesWithoutPictures, confusions }: EvalReport): string {
  const both = summary.unreduced !== undefined;
  const name = (label: number) => `${label} ${labels[label]}`;
  return `<h2>Classes</h2>
${table(
  ["class", "pictures", "top-1", "top-5", "loss", ...(both ? ["unreduced top-1", "same answer"] : [])],
  classes.map((one) => classRow(one, both)),
)}
${classesWithoutPictures.length > 0 ? `<p>Without pictures: ${html(classesWithoutPictures.join(", "))}.</p>` : ""}
<h2>Most frequent confusions</h2>
${
  confusions.length > 0
    ? table(
        ["class", "taken for", "pictures"],
        confusions.slice(0, shownConfusions).map((one) => [name(one.label), name(one.predicted), String(one.pictures)]),
      )
    : "<p>None.</p>"
}`;
}

function classRow({ label, name, pictures, top1, top5, loss, unreduced, agreement }: ClassSummary, both: boolean) {
  const own = [`${label} ${name}`, String(pictures), percent(top1), percent(top5), decimals(loss, 4)];
  return both ? [...own, percent(unreduced?.top1), percent(agreement?.share)] : own;
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (values: readonly string[], tag: string) =>
    values.map((value) => `<${tag}>${html(value)}</${tag}>`).join("");
  return `<div class="scroll"><table><thead><tr>${cells(heads, "th")}</tr></thead>
<tbody>${rows.map((row) => `<tr>${cells(row, "td")}</tr>`).join("\n")}</tbody></table></div>`;
}

const style = `
:root{color-scheme:light dark;--text:#1b1b1b;--soft:#5c5c5c;--line:#d0d0d0;--page:#fff}
@media(prefers-color-scheme:dark){:root{--text:#ececec;--soft:#b0b0b0;--line:#444;--page:#161616}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--text);background:var(--page);max-width:860px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;overflow-wrap:anywhere}h2{font-size:1.15rem;margin-top:2rem}
.source{color:var(--soft);font-size:.85rem;margin-top:2rem}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .6rem;border-bottom:1px solid var(--line);text-align:right}
th:first-child,td:first-child{text-align:left;overflow-wrap:anywhere}
`;
