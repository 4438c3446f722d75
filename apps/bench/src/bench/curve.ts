/** Curves of images per second over the number of pictures in a run: one plot per backend, one line per policy and precision. */
import { svg, threeDigits } from "../dom.js";
import { precisionNames } from "../precisions.js";
import { type Cell, namesOf } from "./cells.js";
import { ticksOf } from "./scale.js";

const size = { height: 236, top: 14, axis: 40, left: 40, end: 16, label: 16 };

export function curvesOf(cells: readonly Cell[], titleOf: (backend: string) => string, width: number): SVGSVGElement[] {
  const batches = [...new Set(cells.map(({ batch }) => batch))].sort((a, b) => a - b);
  const backends = [...new Set(cells.map(({ backend }) => backend))];
  return backends.map((backend) =>
    draw(`${titleOf(backend)}: images per second over pictures per run`, linesOf(cells, backend), batches, width),
  );
}

interface Line {
  readonly name: string;
  readonly policy: string;
  readonly isDashed: boolean;
  readonly points: readonly Pick<Cell, "batch" | "imagesPerSecond">[];
}

function linesOf(cells: readonly Cell[], backend: string): Line[] {
  const own = cells.filter((cell) => cell.backend === backend);
  const keyOf = ({ policy, dtype }: Cell) => `${policy} ${dtype}`;
  const nameOf = namesOf([]);
  return [...new Set(own.map(keyOf))].map((key) => {
    const points = own.filter((cell) => keyOf(cell) === key).sort((a, b) => a.batch - b.batch);
    const { policy, dtype } = points[0]!;
    return { name: nameOf({ policy, dtype }), policy, isDashed: dtype !== precisionNames[0], points };
  });
}

function draw(title: string, lines: readonly Line[], batches: readonly number[], width: number): SVGSVGElement {
  const { height, top, axis, left, end, label } = size;
  const names = 12 + 7.2 * Math.max(...lines.map(({ name }) => name.length));
  const [right, floor] = [width - end - names, height - axis];
  const most = 1.08 * Math.max(...lines.flatMap(({ points }) => points.map(({ imagesPerSecond }) => imagesPerSecond)));
  const [from, to] = [Math.log2(batches[0]!), Math.log2(batches.at(-1)!)];
  const x = (batch: number) => left + ((Math.log2(batch) - from) / (to - from)) * (right - left);
  const y = (rate: number) => floor - (rate / most) * (floor - top);

  const told = lines.map(
    ({ name, points }) =>
      `${name} ${points.map(({ batch, imagesPerSecond }) => `${threeDigits(imagesPerSecond)} at ${batch}`).join(", ")}`,
  );
  const chart = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", class: "plot" });
  chart.append(svg("title", {}, `${title}. ${told.join(". ")}`));
  for (const tick of ticksOf(0, most, false, floor - top)) {
    chart.append(svg("line", { class: "grid", x1: left, x2: right, y1: y(tick), y2: y(tick) }));
    chart.append(svg("text", { class: "tick", x: left - 8, y: y(tick) + 4, "text-anchor": "end" }, String(tick)));
  }
  for (const batch of batches)
    chart.append(svg("text", { class: "tick", x: x(batch), y: floor + 18, "text-anchor": "middle" }, String(batch)));
  chart.append(
    svg("text", { class: "tick", x: (left + right) / 2, y: floor + 35, "text-anchor": "middle" }, "pictures per run"),
  );

  // Names stand at the ends of their lines, and make room for each other.
  const ends = lines.map((line) => ({ line, at: y(line.points.at(-1)!.imagesPerSecond) })).sort((a, b) => a.at - b.at);
  let free = top;
  for (const { line, at } of ends) {
    const { name, policy, isDashed, points } = line;
    const group = svg("g", { class: `policy-${policy}` });
    const d = points
      .map(({ batch, imagesPerSecond }, i) => `${i ? "L" : "M"}${x(batch)} ${y(imagesPerSecond)}`)
      .join("");
    group.append(svg("path", { class: "curve", d, "stroke-dasharray": isDashed ? "6 4" : undefined }));
    for (const { batch, imagesPerSecond } of points)
      group.append(svg("circle", { class: "dot", cx: x(batch), cy: y(imagesPerSecond), r: 4.5 }));
    const place = Math.max(at, free);
    free = place + label;
    group.append(svg("text", { class: "line-name", x: x(points.at(-1)!.batch) + 12, y: place + 4 }, name));
    chart.append(group);
  }
  return chart;
}
