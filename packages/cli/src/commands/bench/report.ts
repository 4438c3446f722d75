/** A self-contained HTML page from recorded results: plots, the table, and where they come from. */
import { counted } from "@ppt-vit/core/options";
import { html } from "../../output/html.js";
import type { Recorded } from "./documents.js";
import { colourOf, reductionNames, titleOf } from "./reductions.js";
import type { BenchDocument, CellResult } from "./schema.js";
import { threeDigits } from "./statistics.js";
import { columns } from "./table.js";

/** Pixels, in the coordinates of a plot. */
const [width, labelWidth, valueWidth, barHeight] = [760, 150, 90, 16];

/** One page for one result or several, the newest first. */
export function renderReport({ documents, others }: Recorded): string {
  const timed = documents.filter(({ results, failures }) => results.length + failures.length > 0);
  const untimed = documents.filter((document) => !timed.includes(document));
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>ppt-vit benchmark</title>
<style>${style}</style>
<h1>ppt-vit benchmark</h1>
<p class="legend">${namesIn(documents)
    .filter((policy) => documents.some(({ results }) => results.some((result) => result.policy === policy)))
    .map((policy) => `<span><i style="background:${colourOf(policy)}"></i>${html(titleOf(policy))}</span>`)
    .join(" ")}</p>
${timed.toReversed().map(section).join("\n")}
${untimed.length > 0 ? `<p class="source">Recorded results without times: ${html(untimed.map(({ benchmark, date }) => `${benchmark} (${date.slice(0, 10)})`).join(", "))}.</p>` : ""}
${others.length > 0 ? `<p class="source">This page covers results of ppt-vit bench. Other files recorded here: ${html(others.join(", "))}.</p>` : ""}
</html>
`;
}

/** The usual names in their order, then those that `--reduction` gave. */
const namesIn = (documents: readonly BenchDocument[]): string[] => [
  ...new Set([...reductionNames, ...documents.flatMap(({ results }) => results.map(({ policy }) => policy))]),
];

function section(document: BenchDocument): string {
  const { benchmark, hardware, results, failures, versions, date, commit, peakMatmulGflops } = document;
  const groups = new Map<string, CellResult[]>();
  for (const result of results) {
    const key = `${result.model}, batch ${result.batch}`;
    groups.set(key, [...(groups.get(key) ?? []), result]);
  }
  const peak = peakMatmulGflops === null ? "" : `, peak matmul ${peakMatmulGflops.toFixed(0)} GFLOP/s`;
  const software = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `<section>
<h2>${html(`${hardware.cpu}, ${counted(hardware.cores, "thread")}${peak}`)}</h2>
<p class="source">${html(`${benchmark}, ${date}, load before ${hardware.loadBefore ?? "unknown"}${commit ? `, commit ${commit}` : ""}. ${software.join(", ")}`)}</p>
${[...groups].map(([name, group]) => plots(name, group)).join("\n")}
<h3>Speedup over the unreduced model against the multiply-accumulates saved; on the dashed line both are equal</h3>
${scatter(results)}
${table(document)}
${failures.map(({ backend, model, policy, batch, message }) => `<p class="failure">Not measured: ${html(`${backend}, ${model}, ${policy}, batch ${batch}: ${message}`)}</p>`).join("\n")}
</section>`;
}

function plots(name: string, group: readonly CellResult[]): string {
  return `<h3>${html(name)}: images per second</h3>
${bars(group)}
<h3>${html(name)}: milliseconds a run, median to 90th percentile</h3>
${latencies(group)}`;
}

/** One horizontal bar for each result, grouped by backend. */
function bars(group: readonly CellResult[]): string {
  const most = Math.max(...group.map(({ imagesPerSecond }) => imagesPerSecond));
  const length = (value: number) => (value / most) * (width - labelWidth - valueWidth);
  return plot(group, ({ policy, imagesPerSecond, speedup }, y) => {
    const gain = speedup !== null && policy !== "unreduced" ? `, ${speedup.toFixed(2)}x` : "";
    const end = labelWidth + length(imagesPerSecond);
    return `<rect x="${labelWidth}" y="${y}" width="${length(imagesPerSecond).toFixed(1)}" height="${barHeight - 3}" fill="${colourOf(policy)}"/>
<text x="${(end + 5).toFixed(1)}" y="${y + barHeight - 5}">${html(`${threeDigits(imagesPerSecond)}${gain}`)}</text>`;
  });
}

/** The axis is logarithmic, because backends lie orders of magnitude apart. */
function latencies(group: readonly CellResult[]): string {
  const low = Math.log(Math.min(...group.map(({ medianMs }) => medianMs)) * 0.8);
  const high = Math.log(Math.max(...group.map(slowest)) * 1.2);
  const at = (value: number) =>
    labelWidth + ((Math.log(value) - low) / (high - low)) * (width - labelWidth - valueWidth);
  return plot(group, (result, y) => {
    const { policy, medianMs } = result;
    const p90Ms = slowest(result);
    const middle = y + barHeight / 2 - 1;
    return `<line x1="${at(medianMs).toFixed(1)}" x2="${at(p90Ms).toFixed(1)}" y1="${middle}" y2="${middle}" stroke="${colourOf(policy)}" stroke-width="3"/>
<circle cx="${at(medianMs).toFixed(1)}" cy="${middle}" r="4.5" fill="${colourOf(policy)}"/>
<text x="${(at(p90Ms) + 8).toFixed(1)}" y="${y + barHeight - 5}">${html(`${threeDigits(medianMs)} to ${threeDigits(p90Ms)}`)}</text>`;
  });
}

/** Where a line of latency ends: at the median in results that were recorded without the 90th percentile. */
const slowest = ({ medianMs, p90Ms }: CellResult) => p90Ms ?? medianMs;

/** Rows of a group with the backend's name before the first of each. */
function plot(group: readonly CellResult[], mark: (result: CellResult, y: number) => string): string {
  let y = 4;
  let previous: string | undefined;
  const parts: string[] = [];
  for (const result of group) {
    if (result.backend !== previous) {
      if (previous !== undefined) y += 8;
      parts.push(`<text class="name" x="${labelWidth - 8}" y="${y + barHeight - 5}">${html(result.backend)}</text>`);
      previous = result.backend;
    }
    parts.push(`<g><title>${html(describe(result))}</title>${mark(result, y)}</g>`);
    y += barHeight;
  }
  return `<div class="scroll" tabindex="0"><svg viewBox="0 0 ${width} ${y + 4}" role="img" aria-label="${html(group.map(describe).join("; "))}">${parts.join("\n")}</svg></div>`;
}

const describe = ({ backend, policy, imagesPerSecond, medianMs, p90Ms }: CellResult) => {
  const slow = p90Ms === null ? "" : `, p90 ${threeDigits(p90Ms)} ms`;
  return `${backend}, ${titleOf(policy)}: ${threeDigits(imagesPerSecond)} images/s, median ${threeDigits(medianMs)} ms${slow}`;
};

/** On the dashed line the speedup equals the share of multiply-accumulates saved. */
function scatter(results: readonly CellResult[]): string {
  const points = results.flatMap((result) => {
    const unreduced = results.find(
      ({ policy, model, backend, batch }) =>
        policy === "unreduced" && model === result.model && backend === result.backend && batch === result.batch,
    );
    return unreduced && result.policy !== "unreduced" && result.speedup !== null
      ? [{ result, saved: unreduced.gmacs / result.gmacs, speedup: result.speedup }]
      : [];
  });
  if (points.length === 0) return "<p>Only one policy was measured.</p>";
  const top = Math.max(1.2, ...points.flatMap(({ saved, speedup }) => [saved, speedup])) * 1.05;
  const [side, margin] = [320, 44];
  const at = (value: number) => ((Math.max(1, value) - 1) / (top - 1)) * (side - margin - 10);
  const x = (value: number) => margin + at(value);
  const y = (value: number) => side - margin - at(value);
  // At most twenty ticks, however far apart the points lie.
  const step = [0.2, 0.5, 1, 2, 5].find((step) => (top - 1) / step < 20) ?? 10 ** Math.ceil(Math.log10((top - 1) / 20));
  const ticks = Array.from({ length: Math.floor((top - 1) / step) + 1 }, (_, i) => 1 + step * i);
  const words = ({ result, saved, speedup }: (typeof points)[number]) =>
    `${result.model}, batch ${result.batch}, ${describe(result)}: ${speedup.toFixed(2)}x for ${saved.toFixed(2)}x fewer multiply-accumulates`;
  // The names stand beside the plot in the order of the points; each is at least one line below the one before.
  let below = 0;
  const named = points
    .sort((one, two) => two.speedup - one.speedup)
    .map((point) => {
      below = Math.max(y(point.speedup), below + barHeight - 2);
      return { ...point, labelY: below };
    });
  const right = side + 24;
  return `<div class="scroll" tabindex="0"><svg viewBox="0 0 ${width} ${Math.max(side, below + 10)}" role="img" aria-label="${html(points.map(words).join("; "))}">
<line class="axis" x1="${x(1)}" y1="${y(1)}" x2="${x(top)}" y2="${y(1)}"/><line class="axis" x1="${x(1)}" y1="${y(1)}" x2="${x(1)}" y2="${y(top)}"/>
<line class="guide" x1="${x(1)}" y1="${y(1)}" x2="${x(top)}" y2="${y(top)}"/>
${ticks.map((tick) => `<text class="tick" x="${x(tick)}" y="${side - margin + 16}">${tick.toFixed(1)}</text><text class="name" x="${margin - 6}" y="${y(tick) + 4}">${tick.toFixed(1)}</text>`).join("")}
<text class="tick" x="${side / 2}" y="${side - 8}">multiply-accumulates saved, times</text>
<text class="tick" transform="translate(12 ${side / 2}) rotate(-90)">speedup, times</text>
${named
  .map((point) => {
    const { result, saved, speedup, labelY } = point;
    const [px, py] = [x(saved).toFixed(1), y(speedup).toFixed(1)];
    return `<g><title>${html(words(point))}</title>
<polyline class="leader" points="${px},${py} ${side - 4},${labelY.toFixed(1)} ${right - 4},${labelY.toFixed(1)}"/>
<circle cx="${px}" cy="${py}" r="5" fill="${colourOf(result.policy)}" fill-opacity="0.75"/>
<text x="${right}" y="${(labelY + 4).toFixed(1)}">${html(`${speedup.toFixed(2)}x  ${result.model}, batch ${result.batch}, ${result.backend}, ${titleOf(result.policy)}`)}</text></g>`;
  })
  .join("\n")}
</svg></div>`;
}

function table(document: BenchDocument): string {
  const cells = (values: readonly string[], tag: string) =>
    values.map((value) => `<${tag}>${html(value)}</${tag}>`).join("");
  const heads = columns.map(([name]) => name);
  const rows = document.results.map((result) => columns.map(([, show]) => show(result, document)));
  return `<div class="scroll" tabindex="0"><table><thead><tr>${cells(heads, "th")}</tr></thead>
<tbody>${rows.map((row) => `<tr>${cells(row, "td")}</tr>`).join("\n")}</tbody></table></div>`;
}

const style = `
:root{color-scheme:light dark;--text:#1b1b1b;--soft:#5c5c5c;--line:#d0d0d0;--page:#fff}
@media(prefers-color-scheme:dark){:root{--text:#ececec;--soft:#b0b0b0;--line:#444;--page:#161616}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--text);background:var(--page);max-width:860px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}h3{font-size:1rem;margin:1.6rem 0 .4rem}
.source{color:var(--soft);font-size:.85rem}.failure{color:var(--soft)}
.legend span{margin-right:1rem}.legend i{display:inline-block;width:.8rem;height:.8rem;margin-right:.35rem;border-radius:2px}
svg{display:block;width:100%;min-width:640px;height:auto}
svg text{font-size:11px;fill:var(--text)}svg .name{text-anchor:end}svg .tick{text-anchor:middle}
.axis{stroke:var(--soft)}.leader{fill:none;stroke:var(--line)}.guide{stroke:var(--soft);stroke-dasharray:4 4}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.85rem;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .6rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th:nth-child(1),td:nth-child(1),th:nth-child(3),td:nth-child(3),th:nth-child(4),td:nth-child(4){text-align:left}
`;
