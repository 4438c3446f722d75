/** The report of a run: its curves as SVG, in a page of its own. */
import { describeReduction } from "@ppt-vit/core";
import { escapeMarkup } from "@ppt-vit/pipeline";
import type { FinetuneResult } from "../finetune.js";

const [width, height] = [720, 240];
const margin = { left: 64, right: 16, top: 30, bottom: 34 };

interface Curve {
  readonly name: string;
  readonly colour: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

const short = (value: number): string => String(Number(value.toPrecision(3)));
const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

/** Curves over the steps, with the range of the values beside them. */
function plot(title: string, curves: readonly Curve[], steps: number, show: (value: number) => string): string {
  const values = curves.flatMap(({ points }) => points.map(([, y]) => y));
  if (values.length === 0) return "";
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const x = (step: number) => margin.left + (step / Math.max(1, steps)) * (width - margin.left - margin.right);
  const y = (value: number) =>
    height - margin.bottom - ((value - low) / (high - low || 1)) * (height - margin.top - margin.bottom);
  const line = ({ colour, points, name }: Curve) => {
    const at = points.map(([step, value]) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`);
    const dots = points.length > 40 ? [] : at.map((point) => point.split(","));
    return `<polyline points="${at.join(" ")}" fill="none" stroke="${colour}" stroke-width="1.5"><title>${escapeMarkup(name)}</title></polyline>${dots.map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="2.5" fill="${colour}"/>`).join("")}`;
  };
  const labels = [0, 0.5, 1].map((share) => {
    const value = low + share * (high - low);
    return `<path d="M${margin.left} ${y(value).toFixed(1)}H${width - margin.right}" stroke="#eee"/><text x="${margin.left - 6}" y="${(y(value) + 4).toFixed(1)}" text-anchor="end">${show(value)}</text>`;
  });
  const legend = curves.map(
    ({ name, colour }, i) =>
      `<circle cx="${margin.left + 8 + 170 * i}" cy="14" r="4" fill="${colour}"/><text x="${margin.left + 18 + 170 * i}" y="18">${escapeMarkup(name)}</text>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12" fill="#222" role="img" aria-label="${escapeMarkup(title)}">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...labels,
    ...curves.map(line),
    ...legend,
    `<text x="${x(0)}" y="${height - 8}">step 0</text><text x="${x(steps)}" y="${height - 8}" text-anchor="end">step ${steps}</text>`,
    "</svg>",
  ].join("\n");
}

/** The mean of each value and those around it, so that a curve of single batches can be read. */
function smoothed(values: readonly number[]): number[] {
  const reach = Math.floor(values.length / 40);
  return values.map((_, i) => {
    const some = values.slice(Math.max(0, i - reach), i + reach + 1);
    return some.reduce((sum, value) => sum + value, 0) / some.length;
  });
}

/** An HTML page with the curves, the settings and every evaluation. */
export function finetunePage(result: FinetuneResult): string {
  const { model, settings, reduction, steps, evaluations, chosen, pictures, values, engine, seconds, peakBytes } =
    result;
  const last = steps.at(-1)?.step ?? 0;
  const losses = smoothed(steps.map(({ loss }) => loss));
  const rates = plot(
    "Learning rate",
    [{ name: "learning rate", colour: "#555", points: steps.map(({ step, learningRate }) => [step, learningRate]) }],
    last,
    (value) => value.toExponential(1),
  );
  const loss = plot(
    "Loss",
    [{ name: `loss (${settings.loss})`, colour: "#0072b2", points: steps.map(({ step }, i) => [step, losses[i]!]) }],
    last,
    short,
  );
  const pointsOf = (name: "accuracy" | "agreement" | "distance"): [number, number][] =>
    evaluations.flatMap((each) => (each[name] === undefined ? [] : [[each.step, each[name]] as [number, number]]));
  const shares = [
    { name: "agreement with unreduced", colour: "#009e73", points: pointsOf("agreement") },
    { name: "accuracy", colour: "#d55e00", points: pointsOf("accuracy") },
  ].filter(({ points }) => points.length > 0);
  const distance = { name: "distance from unreduced", colour: "#cc79a7", points: pointsOf("distance") };
  const cell = (text: string | number | undefined) =>
    `<td>${text === undefined ? "" : escapeMarkup(String(text))}</td>`;
  const rows = evaluations.map(
    (each) =>
      `<tr${each.step === chosen?.step ? ' class="chosen"' : ""}>${cell(each.step)}${cell(each.agreement === undefined ? undefined : percent(each.agreement))}${cell(each.accuracy === undefined ? undefined : percent(each.accuracy))}${cell(short(each.distance))}</tr>`,
  );
  const facts: readonly [string, string][] = [
    ["reduction", reduction ? describeReduction(reduction) : "none"],
    ["pictures", `${pictures}, ${evaluations[0]?.pictures ?? 0} more held back`],
    ["trained", `${settings.train}: ${values.trained} of ${values.all} values`],
    ["engine", engine],
    ["time and memory", `${Math.round(seconds)} s, at most ${(peakBytes / 2 ** 30).toFixed(2)} GiB`],
    ...Object.entries(settings).map(([name, value]): [string, string] => [name, String(value)]),
  ];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeMarkup(`${model.name}, fine-tuned`)}</title>
<style>body{font:15px/1.5 system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem;color:#222}svg{width:100%;height:auto}td,th{padding:.15rem .8rem .15rem 0;text-align:left;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}.chosen{font-weight:600}</style></head>
<body><h1>${escapeMarkup(`${model.name}, fine-tuned`)}</h1>
${loss}
${plot("Answers", shares, last, percent)}
${plot("Distance", [distance], last, short)}
${rates}
<table><tr><th>step</th><th>agreement</th><th>accuracy</th><th>distance</th></tr>${rows.join("")}</table>
<table>${facts.map(([name, value]) => `<tr><th>${escapeMarkup(name)}</th>${cell(value)}</tr>`).join("")}</table>
</body></html>
`;
}
