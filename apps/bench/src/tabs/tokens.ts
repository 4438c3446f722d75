/** The first screen: what token reduction did to the picture, what it saved here, and the tokens stage by stage. */
import { effect } from "@preact/signals-core";
import type { App } from "../app.js";
import { element } from "../dom.js";
import { headlineOf } from "../headline.js";
import type { Outcome } from "../session.js";
import { fileOf } from "../tokens/drawing.js";
import { createPlayer, type Player } from "../tokens/player.js";
import type { Tab } from "./tab.js";

export const tokens: Tab = {
  name: "tokens",
  title: "Tokens",
  controls: true,
  mount(app, panel) {
    const headline = element("div", { id: "headline", class: "headline" });
    const player = createPlayer();
    const answer = element("div", { id: "answer" });
    const result = element("div", { id: "view-result", class: "result", hidden: true }, player.element, answer);
    panel.append(headline, statusLine(app), result);
    effect(() => {
      const outcome = app.outcome.value;
      result.hidden = !outcome;
      headline.replaceChildren(...(outcome ? headlineOf(outcome, app.speed.value) : []));
    });
    effect(() => {
      const outcome = app.outcome.value;
      if (!outcome) return;
      const { answer: kind, unreduced, reduced } = outcome;
      answer.replaceChildren(...kind.show(reduced ? [unreduced, reduced] : [unreduced]));
      void followTokens(app, player, outcome);
    });
  },
};

/** Shows the tokens of an outcome in a player, unless another outcome has come meanwhile. */
export async function followTokens(app: App, player: Player, outcome: Outcome): Promise<void> {
  const { unreduced, reduced, facts, request } = outcome;
  const { image, patches } = unreduced.result;
  const file = await fileOf(image!);
  if (app.outcome.peek() !== outcome) return URL.revokeObjectURL(file.href);
  const stages = reduced?.result.stages ?? [];
  player.show({ image: image!, ...file, patches: patches ?? facts.patches, stages }, request.picture.name);
}

/** What the page does at the moment, for eyes and screen readers. */
function statusLine(app: App): HTMLElement {
  const text = element("p", { id: "view-status", role: "status" });
  const bar = element("progress", { id: "view-progress", "aria-label": "Loading the model", max: 1 });
  const line = element("div", { class: "status" }, text, bar);
  effect(() => {
    const { text: said, working, share } = app.status.value;
    line.classList.toggle("resting", !working && app.outcome.value !== undefined);
    // Screen readers announce the status. It is set only if it changes, so that nothing is announced twice.
    if (text.textContent !== said) text.textContent = said;
    bar.hidden = !working;
    if (share === undefined) bar.removeAttribute("value");
    else bar.value = share;
  });
  return line;
}
