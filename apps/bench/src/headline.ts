/** The first lines of the page: the same answer or not, from how many tokens, and how much faster on this machine. */
import { element, giga } from "./dom.js";
import { type Estimate, intervalInWords, inWords, times } from "./paired.js";
import type { Outcome } from "./session.js";

/** What a visitor reads while the first answer is computed. */
export const introduction = (): HTMLElement[] => [
  element("h2", {}, "How much of a picture does a model have to look at?"),
  explanation("Here one looks at this picture twice: at all of its patches, and at fewer and fewer of them."),
];

const explanation = (more: string) =>
  element(
    "p",
    { class: "explanation" },
    "A Vision Transformer cuts a picture into patches and makes a token of each. PPT leaves out tokens that matter little, and merges tokens that are alike. ",
    more,
  );

export function headlineOf({ answer, unreduced, reduced }: Outcome, speed: Estimate | undefined): HTMLElement[] {
  if (!reduced)
    return [
      element(
        "h2",
        { id: "headline-text" },
        `${answer.say(unreduced.result)}, from all ${unreduced.model.tokens[0]} tokens`,
      ),
      element("p", { class: "fine" }, "Nothing is reduced: choose a preset to compare."),
    ];
  const { tokens, gmacs } = reduced.model;
  const { same, text } = answer.compare(unreduced.result, reduced.result);
  const [all, kept] = [tokens[0]!, tokens.at(-1)!];
  // Where the runs scatter too much there is a verdict below, and no headline.
  const fast = !speed ? ", measuring its speed" : speed.verdict === "noisy" ? "" : `, ${inWords(speed)}`;
  const saved = 1 - gmacs.reduced / gmacs.unreduced;
  return [
    element(
      "h2",
      { id: "headline-text", class: same ? "same" : "different" },
      `${text} with ${kept} of ${all} tokens${fast}`,
    ),
    explanation("Below is what is left of the picture, stage by stage."),
    element(
      "dl",
      { class: "facts" },
      fact("Unreduced", answer.say(unreduced.result), `${all} tokens, ${giga(gmacs.unreduced)} GMACs`),
      fact(reduced.title, answer.say(reduced.result), `${kept} tokens, ${giga(gmacs.reduced)} GMACs`),
      fact("Computation saved", `${Math.round(100 * saved)} %`, "of the multiplications"),
      speedFact(speed),
    ),
  ];
}

function speedFact(speed: Estimate | undefined): HTMLElement {
  if (!speed) return fact("Speed here", "…", "both models take turns on this picture");
  const value = speed.verdict === "noisy" ? "too noisy" : times(speed.ratio);
  const note = speed.verdict === "noisy" ? "other work disturbs this machine; " : "";
  return fact("Speed here", value, `${note}${intervalInWords(speed)}`);
}

const fact = (name: string, value: string, note: string) =>
  element(
    "div",
    {},
    element("dt", {}, name),
    element("dd", { class: "value" }, value),
    element("dd", { class: "fine" }, note),
  );
