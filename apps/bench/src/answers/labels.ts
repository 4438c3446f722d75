/** Labels with probabilities: the checkpoint's own classes, or zero-shot by its text embeddings. */
import { type Classification, type ImageClassifier, showAnswer } from "@ppt-vit/pipeline/browser";
import { element, giga } from "../dom.js";
import { answerKind, collected, type Side } from "./answer.js";

const firstOf = ({ labels }: Classification) => labels[0]!;

export const labels = answerKind<"image-classification", Classification>({
  task: "image-classification",
  title: "Labels",
  run: (model, { blob }) => model.classify(blob),
  runAll: (model, pictures) => collected(model.classifyAll(pictures, { batch: pictures.length })),
  values: ({ logits }) => logits,
  say: (result) => `${firstOf(result).label}, ${showAnswer(firstOf(result))}`,
  compare(unreduced, reduced) {
    const [before, after] = [firstOf(unreduced).label, firstOf(reduced).label];
    return before === after
      ? { same: true, text: `Same answer, ${after},` }
      : { same: false, text: `Another answer, ${after} instead of ${before},` };
  },
  show: (sides) => [element("div", { id: "labels", class: "label-cards" }, ...sides.map(card))],
});

function card({ policy, title, model, result }: Side<ImageClassifier, Classification>): HTMLElement {
  const rows = result.labels.map((answer) => {
    const row = element(
      "li",
      {},
      element("span", { class: "label" }, answer.label),
      element("span", { class: "percent" }, showAnswer(answer)),
    );
    // The page's security policy forbids style attributes, so the property is set in code.
    row.style.setProperty("--share", String(answer.probability ?? 0));
    return row;
  });
  return element(
    "article",
    { class: `labels policy-${policy}` },
    element("h3", {}, title),
    element("p", { class: "fine" }, costOf(policy === "unreduced", model)),
    element("ol", {}, ...rows),
  );
}

/** Tokens and computation of a model, in one line. */
export const costOf = (unreduced: boolean, { tokens, gmacs }: Pick<ImageClassifier, "tokens" | "gmacs">): string =>
  `${tokens.join(" → ")} tokens · ${giga(unreduced ? gmacs.unreduced : gmacs.reduced)} GMACs`;
