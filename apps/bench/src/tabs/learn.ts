/** The teaching page: token reduction in five steps, with the tokens of the chosen picture beside them. */
import { effect } from "@preact/signals-core";
import { element } from "../dom.js";
import { createPlayer } from "../tokens/player.js";
import type { Tab } from "./tab.js";
import { followTokens } from "./tokens.js";

const steps: readonly (readonly [title: string, text: string])[] = [
  [
    "A picture becomes tokens",
    "A Vision Transformer cuts the picture into square patches. Each patch becomes one token, a list of numbers. One more token, the class token, collects the answer.",
  ],
  [
    "Every token looks at every other",
    "In each block all tokens exchange what they know. With twice the tokens that costs up to four times the work, and most of the picture is background.",
  ],
  [
    "Each token gets a score",
    "The class token pays attention to some tokens more than to others. That attention is the token's score. Press Scores to see it: yellow matters, purple hardly.",
  ],
  [
    "Prune or pool",
    "If the scores vary much, the least important tokens are pruned: they are simply left out, and are hatched here. If they vary little, nothing is unimportant. Then tokens that are alike are pooled into one, which takes their mean, and are shown in one colour.",
  ],
  [
    "The answer stays, the work shrinks",
    "Later blocks see fewer tokens. No training is needed: the same weights answer. Point at the picture, or tap it, to see which patches one token stands for. They may lie far apart.",
  ],
];

export const learn: Tab = {
  name: "learn",
  title: "How it works",
  controls: false,
  mount(app, panel) {
    const player = createPlayer("learn-");
    player.element.id = "learn-player";
    panel.append(
      element("h2", {}, "How token pruning and pooling works"),
      element(
        "div",
        { class: "learn" },
        element(
          "ol",
          { class: "lesson" },
          ...steps.map(([title, text]) => element("li", {}, element("h3", {}, title), element("p", {}, text))),
        ),
        player.element,
      ),
      element(
        "p",
        { class: "fine" },
        "The method is PPT: Token Pruning and Pooling for Efficient Vision Transformers, arXiv 2310.01812. This page has an address of its own: copy it from the browser's address bar.",
      ),
    );
    effect(() => {
      const outcome = app.outcome.value;
      if (outcome) void followTokens(app, player, outcome);
    });
  },
};
