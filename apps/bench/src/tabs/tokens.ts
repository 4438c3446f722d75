/** The first screen: what token reduction did to the picture, what it saved here, and the tokens stage by stage. */
import { effect } from "@preact/signals-core";
import type { App } from "../app.js";
import { offersOf } from "../controls/model.js";
import { element } from "../dom.js";
import { headlineOf, introduction } from "../headline.js";
import type { Outcome } from "../session.js";
import { statusLine } from "../status.js";
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
    const first = element("img", { class: "first-look", alt: "The picture", width: 400, height: 400, hidden: true });
    const hint = element("div", { id: "hint" });
    panel.append(headline, hint, statusLine(app, "view"), first, result);
    effect(() => {
      const outcome = app.outcome.value;
      result.hidden = !outcome;
      headline.replaceChildren(...(outcome ? headlineOf(outcome, app.speed.value) : introduction()));
    });
    // Until the first answer is there, the picture is.
    effect(() => {
      const [outcome, picture] = [app.outcome.value, app.picture.value];
      first.hidden = outcome !== undefined || !picture;
      if (first.src) URL.revokeObjectURL(first.src);
      if (first.hidden) first.removeAttribute("src");
      else first.src = URL.createObjectURL(picture!.blob);
    });
    effect(() => {
      const outcome = app.outcome.value;
      if (!outcome) return;
      hint.replaceChildren(...hintOf(app, outcome));
      const { answer: kind, unreduced, reduced } = outcome;
      answer.replaceChildren(...kind.show(reduced ? [unreduced, reduced] : [unreduced]));
      void followTokens(app, player, outcome);
    });
  },
};

/** What to know of an answer that means nothing: the demo model knows no photographs. */
function hintOf(app: App, { request: { model, picture } }: Outcome): HTMLElement[] {
  if (!model.demo || !picture.isPhotograph) return [];
  const text =
    "The demo model knows 48 emoji only, so its answer for a photograph is a guess. A photograph wants a real model:";
  return [element("div", { class: "hint" }, element("p", {}, text), ...offersOf(app))];
}

/** Shows the tokens of an outcome in a player, unless another outcome has come meanwhile. */
export async function followTokens(app: App, player: Player, outcome: Outcome): Promise<void> {
  const { unreduced, reduced, facts, request } = outcome;
  const { image, patches } = unreduced.result;
  const file = await fileOf(image!);
  if (app.outcome.peek() !== outcome) return URL.revokeObjectURL(file.href);
  const stages = reduced?.result.stages ?? [];
  player.show({ image: image!, ...file, patches: patches ?? facts.patches, stages }, request.picture.name);
}
