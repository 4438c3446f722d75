/** The table and the sentence about precisions of weights, from results/dtypes.ndjson. */
import { existsSync, readFileSync } from "node:fs";

const root = new URL("../", import.meta.url);
const file = "benchmarks/results/dtypes.ndjson";
const path = new URL(file, root);
const lines = existsSync(path) ? readFileSync(path, "utf8").trimEnd().split("\n") : [];

/** Of each backend, batch and number of pictures the newest line: its settings, its measurements and its number in the file. */
const cells = new Map();
for (const [at, text] of lines.entries()) {
  const { settings, measurements } = JSON.parse(text);
  const key = JSON.stringify([settings.backend, settings.batch, settings.pictures]);
  // Deleted first, so that the cells stay in the order of their newest lines.
  cells.delete(key);
  cells.set(key, { settings, measurements, line: `${file}#L${at + 1}` });
}

const percent = (share) => (share === null ? "" : `${(100 * share).toFixed(2)} %`);
const titles = { test: "test", heldOut: "held-out artwork" };

/** Markdown, a row for each set of pictures, model and precision. `up` is the way from a page to the root of the repository. */
export function dtypeTable(up) {
  const rows = [...cells.values()].flatMap(({ settings, measurements, line }) =>
    measurements.flatMap(({ facts }) =>
      settings.dtypes.map((dtype) => {
        const { accuracy, answers, decisions, divergence } = facts[dtype];
        const points = 100 * (accuracy.top1 - facts.fp32.top1);
        return [
          `[${settings.backend}, batch ${settings.batch}](${up}${line})`,
          `${facts.pictures.toLocaleString("en")} ${titles[facts.set]}`,
          facts.policy,
          dtype,
          percent(facts.fp32.top1),
          `${percent(accuracy.top1)} (${points < 0 ? "" : "+"}${points.toFixed(2)})`,
          percent(answers.share),
          decisions.of > 0 ? percent(decisions.share) : "",
          divergence.mean.toExponential(1),
        ];
      }),
    ),
  );
  const heads = [
    "where",
    "pictures",
    "model",
    "weights",
    "top-1, fp32",
    "top-1 (points)",
    "same answer",
    "same decisions",
  ];
  return [
    `| ${[...heads, "divergence"].join(" | ")} |`,
    `|---|---|---|---|${"---:|".repeat(5)}`,
    ...rows.map((row) => `| ${row.join(" | ")} |`),
  ].join("\n");
}

/** One sentence for the README: what PPT loses in each precision on the test pictures. */
export function dtypeLine() {
  const [found] = [...cells.values()]
    .flatMap(({ measurements, line, settings }) => measurements.map(({ facts }) => ({ facts, line, settings })))
    .filter(({ facts }) => facts.set === "test" && facts.policy === "ppt")
    .sort((a, b) => b.facts.pictures - a.facts.pictures);
  if (!found) return "";
  const { facts, line, settings } = found;
  const losses = settings.dtypes.map((dtype) => {
    const { accuracy, answers, decisions } = facts[dtype];
    return `${dtype} ${percent(accuracy.top1)} (same answer ${percent(answers.share)}, same decisions ${percent(decisions.share)})`;
  });
  return `In other precisions of the weights, ${facts.pictures.toLocaleString("en")} of these pictures with the model's own PPT: fp32 ${percent(facts.fp32.top1)}, ${losses.join(", ")} ([recorded](${line})).`;
}
