/** The search as a figure and as a page: all trials, the Pareto front, the chosen settings, and the spreads. */

import { defaultPolicy, policiesOf, type ReductionConfig } from "@ppt-vit/core";
import { describeReduction } from "@ppt-vit/core/on-demand";
import { counted } from "@ppt-vit/core/options";
import { quantile } from "../statistics.js";
import { escapeMarkup } from "../text/markup.js";
import { answerKindNamed } from "./answers/index.js";
import type { Calibration } from "./calibrate.js";
import { divergenceInterval, runnerUp } from "./comparison.js";
import type { BlockSpread } from "./evaluate.js";
import { costOfTrial, disagreementInterval, disagreementOf, type Priced, paretoFront, type Trial } from "./trial.js";

const width = 720;
const height = 400;
const margin = { left: 68, right: 20, top: 34, bottom: 46 };

/** About `count` round numbers within [low, high]. */
function ticks(low: number, high: number, count: number): number[] {
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= raw) ?? 10);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.max(0, Math.floor(high / step) - first + 1) }, (_, i) => (first + i) * step);
}

/** `at` gives a value's place on the axis, 0 to 1. `ticks` are the values written beside it. */
interface Axis {
  readonly ticks: readonly number[];
  at(value: number): number;
}

function linear(values: readonly number[]): Axis {
  const top = Math.max(1e-9, ...values) * 1.05;
  return { ticks: ticks(0, top, 6), at: (value) => value / top };
}

/** An axis from one power of ten to another, because divergences span many. 0 is at the bottom. */
function logarithmic(values: readonly number[]): Axis {
  const positive = values.filter((value) => value > 0);
  const low = Math.floor(Math.log10(Math.min(1, ...positive)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(10 ** low, ...positive))));
  return {
    ticks: Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i)),
    at: (value) => (value > 0 ? Math.max(0, Math.log10(value) - low) / (high - low) : 0),
  };
}

/** The policy's name and colour in the plot. Settings with several policies share one. */
const looksOf = (reduction: ReductionConfig): { readonly name: string; readonly colour: string } => {
  const policies = policiesOf(reduction);
  return policies.length === 1 ? policies[0]! : { name: "mixed", colour: "#444444" };
};

const short = (value: number) => String(Number(value.toPrecision(3)));
const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

/**
 * Loss against cost, as SVG: trials as dots, the front as a line, the choice ringed. Small pale dots are settings that were tried on half
 * of the pictures alone.
 */
export function calibrationPlot(calibration: Calibration<unknown>, chosen: Trial | undefined): string {
  const { trials, comparisons, screenings, measure, objective, unreduced } = calibration;
  const front = paretoFront(trials, measure, objective);
  const all = [...screenings, ...trials, ...comparisons];
  const faint = new Set(screenings);
  const cost = (trial: Priced) => costOfTrial(trial, measure);
  const loss = (trial: Trial) => (objective === "divergence" ? trial.loss : disagreementOf(trial));

  const costs = [...all.map(cost), cost(unreduced)];
  const [least, most] = [Math.min(...costs), Math.max(...costs)];
  const axis = objective === "divergence" ? logarithmic(all.map(loss)) : linear(all.map(loss));
  const x = (value: number) =>
    margin.left + ((value - least) / (most - least || 1)) * (width - margin.left - margin.right);
  const y = (value: number) => height - margin.bottom - axis.at(value) * (height - margin.top - margin.bottom);
  const at = (trial: Trial) => `cx="${x(cost(trial)).toFixed(1)}" cy="${y(loss(trial)).toFixed(1)}"`;
  const dot = (trial: Trial) =>
    `<circle ${at(trial)} r="${faint.has(trial) ? 2 : 3}" fill="${looksOf(trial.reduction).colour}" fill-opacity="${faint.has(trial) ? 0.25 : 0.6}"><title>${escapeMarkup(`${describeReduction(trial.reduction)}: ${trial.gmacs.toFixed(3)} GMACs, ${trial.latencyMs.toFixed(1)} ms, divergence ${short(trial.divergence)}${trial.disagreements === undefined ? "" : `, ${trial.disagreements} of ${trial.pictures} differ`}`)}</title></circle>`;
  const line = front.map((trial) => `${x(cost(trial)).toFixed(1)},${y(loss(trial)).toFixed(1)}`).join(" ");
  const bottom = height - margin.bottom;
  const looks = new Map(all.map(({ reduction }) => [looksOf(reduction).name, looksOf(reduction).colour]));
  const legend = [...looks].map(
    ([name, colour], i) =>
      `<circle cx="${margin.left + 10 + 90 * i}" cy="16" r="4" fill="${colour}"/><text x="${margin.left + 20 + 90 * i}" y="20">${escapeMarkup(name)}</text>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12" fill="#222" role="img" aria-label="Loss against cost of all trials">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...ticks(least, most, 7).map(
      (tick) =>
        `<path d="M${x(tick).toFixed(1)} ${margin.top}V${bottom}" stroke="#eee"/><text x="${x(tick).toFixed(1)}" y="${bottom + 16}" text-anchor="middle">${short(tick)}</text>`,
    ),
    ...axis.ticks.map(
      (tick) =>
        `<path d="M${margin.left} ${y(tick).toFixed(1)}H${width - margin.right}" stroke="#eee"/><text x="${margin.left - 6}" y="${(y(tick) + 4).toFixed(1)}" text-anchor="end">${objective === "divergence" ? tick.toExponential(0) : percent(tick)}</text>`,
    ),
    `<polyline points="${line}" fill="none" stroke="${defaultPolicy.colour}" stroke-width="2"/>`,
    ...all.map(dot),
    ...(chosen ? [`<circle ${at(chosen)} r="8" fill="none" stroke="#222" stroke-width="2"/>`] : []),
    ...legend,
    `<text x="${(margin.left + width - margin.right) / 2}" y="${height - 10}" text-anchor="middle">${measure === "gmacs" ? "GMACs of one image" : "ms of one image"}; unreduced ${short(cost(unreduced))}</text>`,
    `<text transform="translate(16 ${height / 2}) rotate(-90)" text-anchor="middle">${objective === "divergence" ? `loss: ${answerKindNamed(calibration.answers).loss}` : "disagreement with unreduced"}</text>`,
    "</svg>",
  ].join("\n");
}

/** Quartiles and the span of nine tenths of N^2 * variance in each block, on a logarithmic axis. */
function spreadPlot(spreads: readonly BlockSpread[]): string {
  const values = spreads.flatMap((block) => block.values.filter((value) => value > 0));
  const [low, high] = [Math.log10(Math.min(...values)), Math.log10(Math.max(...values))];
  const y = (value: number) => 220 - ((Math.log10(value) - low) / (high - low || 1)) * 190;
  const step = (width - margin.left - margin.right) / spreads.length;
  const boxes = spreads.map(({ layer, values: block }, i) => {
    const [p5, p25, p50, p75, p95] = [0.05, 0.25, 0.5, 0.75, 0.95].map((q) => y(quantile(block, q)));
    const centre = margin.left + (i + 0.5) * step;
    return `<path d="M${centre} ${p5}V${p95}" stroke="#0072b2"/><rect x="${centre - step / 4}" y="${p75}" width="${step / 2}" height="${Math.max(1, p25! - p75!)}" fill="#0072b2" fill-opacity="0.3" stroke="#0072b2"/><path d="M${centre - step / 4} ${p50}h${step / 2}" stroke="#222" stroke-width="2"/><text x="${centre}" y="238" text-anchor="middle">${layer}</text>`;
  });
  const powers = Array.from({ length: Math.floor(high) - Math.ceil(low) + 1 }, (_, i) => 10 ** (Math.ceil(low) + i));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} 262" font-family="system-ui, sans-serif" font-size="12" fill="#222" role="img" aria-label="Spread of the scores in each block">`,
    `<rect width="${width}" height="262" fill="#fff"/>`,
    ...powers.map(
      (power) =>
        `<path d="M${margin.left} ${y(power)}H${width - margin.right}" stroke="#eee"/><text x="${margin.left - 6}" y="${y(power) + 4}" text-anchor="end">${short(power)}</text>`,
    ),
    ...boxes,
    `<text x="${width / 2}" y="256" text-anchor="middle">block</text>`,
    "</svg>",
  ].join("\n");
}

const rowOf = (trial: Trial, { unreduced }: Calibration<unknown>, chosen: Trial | undefined): string => {
  const interval = disagreementInterval(trial);
  const cells = [
    describeReduction(trial.reduction),
    trial.gmacs.toFixed(3),
    `${trial.latencyMs.toFixed(1)} (${(unreduced.latencyMs / trial.latencyMs).toFixed(2)}x)`,
    short(trial.divergence),
    ...(interval ? [`${trial.disagreements} of ${trial.pictures}`, interval.map(percent).join(" to ")] : []),
  ];
  return `<tr${trial === chosen ? ' class="chosen"' : ""}>${cells.map((cell) => `<td>${escapeMarkup(cell)}</td>`).join("")}</tr>`;
};

/** A self-contained HTML page: the plot, the front as a table, and the spreads. */
export function calibrationPage(calibration: Calibration<unknown>, chosen: Trial): string {
  const { model, pictures, trials, screened, comparisons, backend, dtype, measure, objective, unreduced, spreads } =
    calibration;
  const second = runnerUp(calibration, chosen);
  const front = paretoFront(trials, measure, objective);
  const countsAnswers = chosen.disagreements !== undefined;
  const heads = ["settings", "GMACs", "ms", "divergence", ...(countsAnswers ? ["other answer", "95 % interval"] : [])];
  const table = (rows: readonly Trial[]) =>
    `<table><tr>${heads.map((head) => `<th>${head}</th>`).join("")}</tr>${rows.map((trial) => rowOf(trial, calibration, chosen)).join("\n")}</table>`;
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>Calibration of ${escapeMarkup(model.name)}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff }
svg { width: 100%; height: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums } td, th { padding: .2rem .7rem; text-align: left; border-bottom: 1px solid #ddd }
.chosen { background: #fff3bf }
</style>
<h1>Calibration of ${escapeMarkup(model.name)}</h1>
<p>${trials.length + screened} settings tried on ${counted(pictures, "picture")} with ${escapeMarkup(backend)} in ${dtype}. Unreduced: ${unreduced.gmacs.toFixed(3)} GMACs, ${unreduced.latencyMs.toFixed(1)} ms an image. Chosen: <b>${escapeMarkup(describeReduction(chosen.reduction))}</b>. Its divergence on the ${counted(chosen.divergences.length, "picture")} that decided: ${short(chosen.divergence)}, from ${divergenceInterval(chosen).map(short).join(" to ")} (95 %, by resampling them).${second ? ` Runner-up: ${escapeMarkup(describeReduction(second.trial.reduction))}, loss ${short(second.trial.loss)} against ${short(chosen.loss)}; the chosen settings win on ${percent(second.chosenIsBetter)} of the resamplings.` : ""}</p>
${calibration.notices.map((notice) => `<p><b>Note:</b> ${escapeMarkup(notice)}.</p>`).join("\n")}
${calibrationPlot(calibration, chosen)}
<p>Pale dots are settings that were tried on half of the pictures alone; their losses are those of that half.</p>
<h2>The front</h2>
<p>No cheaper settings were as good. ${countsAnswers ? `The interval is what ${counted(pictures, "picture")} can say about others (Clopper-Pearson). It does not know that the best of many trials was taken: expect a little more.` : `The divergence is the mean over ${counted(chosen.divergences.length, "picture")} (${answerKindNamed(calibration.answers).divergence}).`}</p>
${table(front)}
${comparisons.length > 0 ? `<h2>Other policies</h2>\n${table(comparisons)}` : ""}
<h2>How unevenly attention is spread</h2>
<p>N&#178; times the variance of the significance scores in each block, unreduced: median, quartiles, and nine tenths of the pictures. A scale-free threshold prunes what lies above it and pools what lies below.</p>
${spreadPlot(spreads)}
</html>
`;
}
