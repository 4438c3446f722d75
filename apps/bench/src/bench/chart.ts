/** Plots of a benchmark as SVG: one row of marks per backend and policy, drawn at the width of the page. */

import { duration, svg, threeDigits } from "../dom.js";
import type { PolicyChoice } from "../settings.js";
import { type Cell, isReference, namesOf } from "./cells.js";
import { curvesOf } from "./curve.js";
import { speedupOf } from "./report.js";
import { logDomain, ticksOf } from "./scale.js";

interface Mark {
  readonly kind: "dot" | "bar" | "tick" | "run";
  readonly at: number;
}

interface Row {
  readonly policy: PolicyChoice;
  readonly name: string;
  readonly marks: readonly Mark[];
  /** Written at the end of the row. */
  readonly value: string;
}

interface Plot {
  readonly title: string;
  readonly logarithmic: boolean;
  readonly groups: readonly { readonly caption: string; readonly rows: readonly Row[] }[];
}

const size = { caption: 32, row: 24, name: 16, axis: 26, values: 84 };

/** Room for the names of rows, whose letters are about this wide. */
const gutterOf = (rows: readonly Row[]): number => 20 + 7.2 * Math.max(...rows.map(({ name }) => name.length));

/** The plots of a result. `width` is in pixels. */
export function plotsOf(
  cells: readonly Cell[],
  titleOf: (backend: string) => string,
  width: { readonly half: number; readonly full: number },
): SVGSVGElement[] {
  const backends = [...new Set(cells.map((cell) => cell.backend))];
  const nameOf = namesOf(cells);
  const grouped = (rowOf: (cell: Cell) => Omit<Row, "policy" | "name"> | undefined) =>
    backends
      .map((backend) => ({
        caption: titleOf(backend),
        rows: cells.flatMap((cell) => {
          const row = cell.backend === backend ? rowOf(cell) : undefined;
          return row ? [{ policy: cell.policy, name: nameOf(cell), ...row }] : [];
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
      const { speedup: times } = cell;
      // A figure that the runs do not give has no bar either.
      if (times === undefined || isReference(cell)) return undefined;
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
  const hasSizes = new Set(cells.map(({ batch }) => batch)).size > 1;
  const rates = hasSizes ? curvesOf(cells, titleOf, width.half) : [throughput];
  return [...rates, speedup, latency].flatMap((plot) =>
    !("groups" in plot)
      ? [plot]
      : plot.groups.length > 0
        ? [draw(plot, plot === latency ? width.full : width.half)]
        : [],
  );
}

function draw({ title, logarithmic, groups }: Plot, width: number): SVGSVGElement {
  const rows = groups.flatMap((group) => group.rows);
  const values = rows.flatMap(({ marks }) => marks.map(({ at }) => at));
  const [from, to] = logarithmic ? logDomain(values) : [0, Math.max(1, ...values) * 1.05];
  const share = (value: number) =>
    logarithmic ? Math.log(value / from) / Math.log(to / from) : (value - from) / (to - from);
  // On a phone long names stand above their marks.
  const isNarrow = gutterOf(rows) > width * 0.36;
  const left = isNarrow ? 8 : gutterOf(rows);
  const row = isNarrow ? size.row + size.name : size.row;
  const right = width - size.values;
  const x = (value: number) => left + share(value) * (right - left);
  const height = groups.length * size.caption + rows.length * row + size.axis;

  const summary = groups.map(
    ({ caption, rows }) => `${caption}: ${rows.map((row) => `${row.name} ${row.value}`).join(", ")}`,
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
    for (const { policy, name, marks, value } of rows) {
      const middle = y + row - size.row / 2;
      const group = svg("g", { class: `policy-${policy}` });
      group.append(svg("text", { class: "name", x: 8, y: isNarrow ? middle - 14 : middle + 4 }, name));
      for (const mark of marks) group.append(drawMark(mark, x(mark.at), middle, left, logarithmic));
      group.append(svg("text", { class: "value", x: width, y: middle + 4, "text-anchor": "end" }, value));
      chart.append(group);
      y += row;
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
