/** The table, the sentence and the figure of the newest result in results/accuracy.ndjson. */
import { readFileSync } from "node:fs";

const root = new URL("../", import.meta.url);
const file = "benchmarks/results/accuracy.ndjson";
const lines = readFileSync(new URL(file, root), "utf8").trimEnd().split("\n");
const { settings, measurements } = JSON.parse(lines.at(-1));
const { pictures } = settings;
const points = measurements.map(({ facts }) => facts);

/** Title, colour and mark of each policy. The colours are Okabe and Ito's, which colour-blind readers can tell apart. */
const policies = {
  "ppt-calibrated": ["PPT, calibrated", "#0072b2", "circle"],
  "ppt-published": ["PPT, blocks 3, 6, 9, threshold 7e-5", "#56b4e9", "circle"],
  "ppt-pool": ["pool only, blocks 3, 6, 9", "#e69f00", "square"],
  tome: ["pool only in every block (ToMe)", "#009e73", "square"],
  "top-k": ["prune only (top-k class attention)", "#d55e00", "triangle"],
  evit: ["prune and fuse (EViT)", "#cc79a7", "triangle"],
};

const budgets = [...new Set(points.flatMap(({ budget }) => (budget === null ? [] : [budget])))].sort((a, b) => b - a);
const unreduced = points.find(({ policy }) => policy === "unreduced");
const find = (policy, budget) => points.find((point) => point.policy === policy && point.budget === budget);
const percent = (share) => (100 * share).toFixed(2);

/** Markdown. `set` is `test`, or `heldOut`: pictures of artwork that the model never saw. */
export function accuracyTable(set) {
  const rows = Object.entries(policies).map(([policy, [title]]) => {
    const cells = budgets.map((budget) => {
      const point = find(policy, budget);
      if (!point) return "-";
      // The best of a budget is bold; several are where they are equal.
      const best = Math.max(...Object.keys(policies).map((other) => find(other, budget)?.[set].correct ?? 0));
      return point[set].correct === best ? `**${percent(point[set].top1)}**` : percent(point[set].top1);
    });
    return `| ${title} | ${cells.join(" | ")} |`;
  });
  return [
    `| top-1, % (unreduced ${percent(unreduced[set].top1)} at ${unreduced.gmacs.toFixed(2)}) | ${budgets.map((b) => `${b.toFixed(2)} GMACs`).join(" | ")} |`,
    `|---|${budgets.map(() => "---|").join("")}`,
    ...rows,
  ].join("\n");
}

/** An SVG file: top-1 against GMACs. */
export function accuracyPlot(set) {
  const [width, height] = [720, 380];
  const [left, right, top, bottom] = [60, 20, 20, 60];
  const shown = points.filter(({ policy }) => policy in policies);
  const values = [...shown, unreduced].map((point) => 100 * point[set].top1);
  const [low, high] = [Math.floor(2 * Math.min(...values)) / 2, Math.ceil(2 * Math.max(...values)) / 2];
  const x = (gmacs) => left + ((gmacs - 0.55) / (1.15 - 0.55)) * (width - left - right);
  const y = (value) => top + ((high - value) / (high - low)) * (height - top - bottom);
  const at = ({ gmacs, [set]: { top1 } }) => [x(gmacs), y(100 * top1)].map((value) => value.toFixed(1));
  const marks = {
    circle: (px, py, colour) => `<circle cx="${px}" cy="${py}" r="4.5" fill="${colour}"/>`,
    square: (px, py, colour) => `<rect x="${px - 4}" y="${py - 4}" width="8" height="8" fill="${colour}"/>`,
    triangle: (px, py, colour) => `<path d="M${px} ${py - 5}l5 9h-10z" fill="${colour}"/>`,
  };
  const lines = Object.entries(policies).flatMap(([policy, [, colour, mark]]) => {
    const own = shown.filter((point) => point.policy === policy).sort((a, b) => a.gmacs - b.gmacs);
    const path = own.map((point) => at(point).join(",")).join(" ");
    return [
      `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="${policy === "ppt-calibrated" ? 3 : 1.5}"/>`,
      ...own.map((point) => marks[mark](...at(point).map(Number), colour)),
    ];
  });
  const steps = Array.from({ length: Math.round(2 * (high - low)) + 1 }, (_, i) => low + i / 2);
  const level = y(100 * unreduced[set].top1);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12" fill="#222" role="img" aria-label="Top-1 against GMACs for each policy">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...steps.map(
      (v) =>
        `<path d="M${left} ${y(v)}H${width - right}" stroke="#eee"/><text x="${left - 6}" y="${y(v) + 4}" text-anchor="end">${v.toFixed(1)}</text>`,
    ),
    ...[0.6, 0.7, 0.8, 0.9, 1, 1.1].map(
      (g) => `<text x="${x(g)}" y="${height - bottom + 16}" text-anchor="middle">${g.toFixed(1)}</text>`,
    ),
    `<path d="M${left} ${level}H${width - right}" stroke="#222" stroke-dasharray="4 4"/><text x="${left + 4}" y="${level - 5}">unreduced</text>`,
    ...lines,
    `<text transform="translate(14 ${(top + height - bottom) / 2}) rotate(-90)" text-anchor="middle">top-1, %</text>`,
    `<text x="${width - right}" y="${height - bottom + 30}" text-anchor="end">GMACs of one image</text>`,
    ...Object.values(policies).map(([title, colour, mark], i) => {
      const [px, py] = [left + [0, 215, 455][i % 3], height - 24 + Math.floor(i / 3) * 16];
      return `${marks[mark](px, py, colour)}<text x="${px + 10}" y="${py + 4}">${title}</text>`;
    }),
    "</svg>",
    "",
  ].join("\n");
}

/** What calibrated PPT loses, and every budget at which another policy is ahead of it. */
function verdicts() {
  const calibrated = points.filter(({ policy }) => policy === "ppt-calibrated");
  const at80 = find("ppt-calibrated", 0.8).test;
  const lost = 100 * (unreduced.test.top1 - at80.top1);
  const ahead = budgets.flatMap((budget) => {
    const own = find("ppt-calibrated", budget);
    const others = Object.keys(policies).map((policy) => find(policy, budget));
    const best = others.reduce((a, b) => (b && (!a || b.test.correct > a.test.correct) ? b : a), undefined);
    if (!best || best.policy === "ppt-calibrated" || (own && own.test.correct === best.test.correct)) return [];
    const [title] = policies[best.policy];
    return [
      `at ${budget.toFixed(2)} ${title} (${percent(best.test.top1)})${own ? "" : ", where calibrated PPT was not measured"}`,
    ];
  });
  return [
    `At 0.80 GMACs (-36 %) calibrated PPT loses ${lost.toFixed(2)} points of top-1 (${at80.lost} pictures lost, ${at80.won} won).`,
    ...(ahead.length > 0 ? [`Another policy is ahead ${ahead.join("; ")}.`] : []),
    ...(calibrated.every(({ reduction }) => reduction.threshold === "pool")
      ? ["Calibration chose to pool every image."]
      : []),
  ].join(" ");
}

const error = 100 * Math.sqrt((unreduced.test.top1 * (1 - unreduced.test.top1)) / pictures.test);
const shown = pictures.test.toLocaleString("en");
const line = `${file}#L${lines.length}`;

/** Top-1 in percent and GMACs of the demo model, unreduced and calibrated, and where they are recorded. */
export function accuracyFigures() {
  const [before, after] = [unreduced, find("ppt-calibrated", 0.8)].map(({ test, gmacs }) => ({
    top1: percent(test.top1),
    gmacs: gmacs.toFixed(2),
  }));
  return { before, after, pictures: shown, line };
}

/** One sentence for the README. Paths are relative to the root of the repository. */
export function accuracyLine() {
  const { before, after } = accuracyFigures();
  const show = ({ top1, gmacs }) => `${top1} % at ${gmacs} GMACs`;
  return `Accuracy of the demo model on ${shown} pictures, without retraining: ${show(before)} unreduced, ${show(after)} with calibrated PPT, standard error ${error.toFixed(1)} points ([recorded](${line}), [all policies](apps/docs/accuracy.md)).`;
}

/** The part of a page of the documentation. `root` is the way from that page to the root of the repository. */
export function accuracySection(root) {
  return `Demo model, off the shelf, ${shown} fresh pictures of its kind, standard error ${error.toFixed(1)} points
([results](${root}${line}), with ${pictures.heldOut} pictures of artwork that it never saw); calibrated on 64 others:

${accuracyTable("test")}

${verdicts()}
`;
}
