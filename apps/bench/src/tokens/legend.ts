/** The legend of a drawing: only what is in it, with its numbers. */
import { heatColour } from "@ppt-vit/pipeline/browser";
import { counted, element, svg } from "../dom.js";
import { countsOf, type Mode, mapAfter, type Traced } from "./drawing.js";

export function legendOf(traced: Traced, stage: number, mode: Mode): HTMLElement[] {
  if (stage === 0)
    return [
      entry("alone", `${counted(traced.patches[0] * traced.patches[1], "patch", "patches")}, each its own token`),
    ];
  if (mode === "scores") return [scale()];
  const { pruned, merged, mergedPatches, alone } = countsOf(mapAfter(traced, stage));
  return [
    ...(pruned > 0 ? [entry("hatched", `${counted(pruned, "patch", "patches")} pruned: no longer computed`)] : []),
    ...(merged > 0
      ? [
          entry(
            "merged",
            `${counted(mergedPatches, "patch", "patches")} merged (pooled) into ${counted(merged, "token")}: one outline and one colour each`,
          ),
        ]
      : []),
    ...(alone > 0 ? [entry("alone", `${counted(alone, "token")} of one patch: the picture shows through`)] : []),
  ];
}

const entry = (kind: string, words: string) =>
  element("span", {}, element("span", { class: `swatch ${kind}`, "aria-hidden": "true" }), words);

function scale(): HTMLElement {
  const steps = 40;
  const ramp = svg("svg", { width: 80, height: 16, "aria-hidden": "true" });
  for (let i = 0; i < steps; i++)
    ramp.append(svg("rect", { x: 2 * i, width: 2, height: 16, fill: heatColour(i / (steps - 1)) }));
  return element(
    "span",
    {},
    ramp,
    "score of a token, from 0 to the highest (square root): how much attention it got. Low ones are pruned first.",
  );
}
