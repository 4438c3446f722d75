/** Plots of a benchmark as SVG: one row of marks per backend and policy, drawn at the width of the page. */

import { duration, svg, threeDigits } from "../dom.js";
import { type PolicyChoice, policyTitles } from "../settings.js";
import type { Cell } from "./benchmark.js";
import { speedupOf } from "./report.js";

interface Mark {
  readonly kind: "dot" | "bar" | "tick" | "run";
  readonly at: number;
}

interface Row {
  readonly policy: PolicyChoice;
  readonly dtype: string;
  readonly marks: readonly Mark[];
  /** Written at the end of the row. */
  readonly value: string;
}

interface Plot {
  readonly title: string;
  readonly logarithmic: boolean;
  readonly groups: readonly { readonly caption: string; readonly rows: readonly Row[] }[];
}

const nameOf = ({ policy, dtype }: Row): string =>
  dtype === "fp32" ? policyTitles[policy] : `${policyTitles[policy]} ${dtype}`;

const size = { caption: 32, row: 24, axis: 26, gutter: 108, values: 84 };

/** The plots of a result. `width` is in pixels. */
export function plotsOf(
  cells: readonly Cell[],
  titleOf: (backend: string) => string,
  width: { readonly half: number; readonly full: number },
): SVGSVGElement[] {
  const backends = [...new Set(cells.map((cell) => cell.backend))];
  const grouped = (rowOf: (cell: Cell) => Omit<Row, "policy" | "dtype"> | undefined) =>
    backends
      .map((backend) => ({
        caption: titleOf(backend),
        rows: cells.flatMap((cell) => {
          const row = cell.backend === backend ? rowOf(cell) : undefined;
          return row ? [{ policy: cell.policy, dtype: cell.dtype, ...row }] : [];
        }),
      }))
      .filter(({ rows }) => rows.length > 0);

  const throughput: Plot = {
    title: "Images per second, logarithmic",
    logarithmic: true,
    groups: grouped(({ imagesPerSecond }) => ({
      marks: [{ kind: "dot", at: imagesPerSecond }],
      value: threeDigits(imagesPerSecond),
    })),
  };
  const speedup: Plot = {
    title: "Speedup over unreduced on the same backend",
    logarithmic: false,
    groups: grouped((cell) => {
      const { speedup: times, policy, dtype } = cell;
      // A figure that the runs do not give has no bar either.
      if (times === undefined || (policy === "unreduced" && dtype === "fp32")) return undefined;
      const isTold = cell.estimate !== undefined && cell.estimate.verdict !== "noisy";
      return { marks: !isTold ? [] : [{ kind: "bar", at: times }], value: speedupOf(cell) };
    }),
  };
  const latency: Plot = {
    title: "Milliseconds of every run, logarithmic (long line: median, short line: 90th percentile)",
    logarithmic: true,
    groups: grouped(({ latenciesMs, medianMs, p90Ms }) => ({
      marks: [
        ...latenciesMs.map((at): Mark => ({ kind: "run", at })),
        { kind: "tick", at: p90Ms },
        { kind: "bar", at: medianMs },
      ],
      value: duration(medianMs),
    })),
  };
  return [throughput, speedup, latency]
    .filter(({ groups }) => groups.length > 0)
    .map((plot) => draw(plot, plot === latency ? width.full : width.half));
}

function draw({ title, logarithmic, groups }: Plot, width: number): SVGSVGElement {
  const rows = groups.flatMap((group) => group.rows);
  const values = rows.flatMap(({ marks }) => marks.map(({ at }) => at));
  const [from, to] = logarithmic ? logDomain(values) : [0, Math.max(1, ...values) * 1.05];
  const share = (value: number) =>
    logarithmic ? Math.log(value / from) / Math.log(to / from) : (value - from) / (to - from);
  const left = size.gutter;
  const right = width - size.values;
  const x = (value: number) => left + share(value) * (right - left);
  const height = groups.length * size.caption + rows.length * size.row + size.axis;

  const summary = groups.map(
    ({ caption, rows }) => `${caption}: ${rows.map((row) => `${nameOf(row)} ${row.value}`).join(", ")}`,
  );
  const chart = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", class: "plot" });
  chart.append(svg("title", {}, `${title}. ${summary.join(". ")}`));
  const floor = height - size.axis;
  for (const tick of ticksOf(from, to, logarithmic, right - left)) {
    const at = x(tick);
    chart.append(svg("line", { class: "grid", x1: at, x2: at, y1: size.caption - 2, y2: floor }));
    chart.append(svg("text", { class: "tick", x: at, y: floor + 16, "text-anchor": "middle" }, String(tick)));
  }

  let y = 0;
  for (const { caption, rows } of groups) {
    chart.append(svg("text", { class: "caption", x: 0, y: y + 22 }, caption));
    y += size.caption;
    for (const row of rows) {
      const { policy, marks, value } = row;
      const middle = y + size.row / 2;
      const group = svg("g", { class: `policy-${policy}` });
      group.append(svg("text", { class: "name", x: 8, y: middle + 4 }, nameOf(row)));
      for (const mark of marks) group.append(drawMark(mark, x(mark.at), middle, left, logarithmic));
      group.append(svg("text", { class: "value", x: width, y: middle + 4, "text-anchor": "end" }, value));
      chart.append(group);
      y += size.row;
    }
  }
  return chart;
}

function drawMark({ kind }: Mark, at: number, middle: number, left: number, logarithmic: boolean): SVGElement {
  if (kind === "dot") return svg("circle", { class: "dot", cx: at, cy: middle, r: 6 });
  if (kind === "run") return svg("circle", { class: "run", cx: at, cy: middle, r: 3.5 });
  if (kind === "tick") return svg("line", { class: "p90", x1: at, x2: at, y1: middle - 4, y2: middle + 4 });
  // A bar needs a zero, and a logarithmic axis has none. There the value is a line.
  return logarithmic
    ? svg("line", { class: "median", x1: at, x2: at, y1: middle - 8, y2: middle + 8 })
    : svg("rect", { class: "bar", x: left, y: middle - 7, width: Math.max(1, at - left), height: 14, rx: 3 });
}

/** The bounds of a logarithmic axis: with room on both sides, and at least a factor of 2 apart. */
function logDomain(values: readonly number[]): [number, number] {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const room = Math.max(1.15, Math.sqrt(2 / (most / least)));
  return [least / room, most * room];
}

/** Round numbers between the bounds, as many as fit into `pixels`. */
function ticksOf(from: number, to: number, logarithmic: boolean, pixels: number): number[] {
  const most = Math.max(2, Math.floor(pixels / 56));
  if (!logarithmic) {
    const step = [0.1, 0.2, 0.25, 0.5, 1, 2, 5, 10, 20, 50].find((one) => (to - from) / one <= most) ?? 100;
    return Array.from({ length: Math.floor(to / step) + 1 }, (_, i) => Number((i * step).toPrecision(3)));
  }
  for (const digits of [[1, 1.5, 2, 3, 4, 5, 6, 8], [1, 2, 3, 5], [1, 2, 5], [1, 3], [1]]) {
    const ticks: number[] = [];
    for (let power = Math.floor(Math.log10(from)); power <= Math.ceil(Math.log10(to)); power++)
      for (const digit of digits) ticks.push(Number((digit * 10 ** power).toPrecision(3)));
    const within = ticks.filter((tick) => tick >= from && tick <= to);
    if (within.length <= most && within.length > 0) return within;
  }
  return [];
}
