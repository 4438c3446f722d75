/** Every policy on the same picture, side by side: its tokens, what is left of them, and what that costs and changes. */
import { effect } from "@preact/signals-core";
import type { App } from "../app.js";
import { duration, element, giga } from "../dom.js";
import { inWords, times } from "../paired.js";
import type { Alternative, Outcome, RefusedAlternative } from "../session.js";
import { type PolicyChoice, policyAbouts, policyTitles, policies as registered } from "../settings.js";
import { statusLine } from "../status.js";
import { drawStage, fileOf } from "../tokens/drawing.js";
import type { Tab } from "./tab.js";

const compared = registered.filter((policy) => policy !== "unreduced");

export const policies: Tab = {
  name: "policies",
  title: "Policies",
  controls: true,
  policies: compared,
  mount(app, panel) {
    const cards = compared.map((policy) => ({ policy, ...policyCard(app, policy) }));
    const whole = element("p", { id: "policies-whole", class: "fine" });
    panel.append(
      element("h2", {}, "Policies, side by side"),
      element(
        "p",
        { class: "fine" },
        "Every way to remove tokens that this project has, on the same picture and with the same settings. Each takes turns with the unreduced model.",
      ),
      whole,
      statusLine(app, "policies"),
      element(
        "div",
        { class: "policy-row", role: "group", "aria-label": "Policies", tabindex: 0 },
        ...cards.map(({ element }) => element),
      ),
    );
    effect(() => {
      const outcome = app.outcome.value;
      if (!outcome) return;
      whole.textContent = `Unreduced: ${wholeInWords(outcome)}`;
      for (const { fade } of cards) fade();
    });
    effect(() => {
      for (const { policy, show } of cards) {
        const known = app.alternatives.value.get(policy);
        if (known) void show(known);
      }
    });
  },
};

function wholeInWords({ answer, unreduced, request: { picture } }: Outcome): string {
  const { tokens, gmacs } = unreduced.model;
  return `${picture.name}: ${answer.say(unreduced.result)}, ${tokens[0]} tokens, ${giga(gmacs.unreduced)} GMACs`;
}

/** One policy. What it shows stays, faded, until what replaces it is there. */
function policyCard(app: App, policy: PolicyChoice) {
  const picture = element("div", { class: "policy-picture" });
  const facts = element("dl", { class: "policy-facts" });
  const use = element("button", { type: "button" }, "Use");
  use.setAttribute("aria-label", `Use ${policyTitles[policy]}`);
  use.addEventListener("click", () => app.change({ tab: "tokens", preset: undefined, policy }));
  const box = element(
    "article",
    { id: `policy-card-${policy}`, class: `policy-card policy-${policy} stale` },
    element("h3", {}, policyTitles[policy]),
    picture,
    facts,
    element("p", { class: "fine" }, policyAbouts[policy]),
    use,
  );
  let shown: Alternative | RefusedAlternative | undefined;
  let address: string | undefined;
  return {
    element: box,
    fade: () => box.classList.add("stale"),
    async show(known: Alternative | RefusedAlternative): Promise<void> {
      if (known === shown) return;
      shown = known;
      if ("reason" in known) {
        picture.replaceChildren();
        facts.replaceChildren(element("dd", { class: "complaint" }, known.reason));
      } else {
        const { model, result } = known.side;
        const file = await fileOf(result.image!);
        if (shown !== known) return URL.revokeObjectURL(file.href);
        const traced = {
          image: result.image!,
          ...file,
          patches: result.patches ?? model.patches,
          stages: result.stages,
        };
        const label = `${policyTitles[policy]}: what is left of the tokens`;
        picture.replaceChildren(drawStage(traced, traced.stages.length, "tokens", label));
        if (address) URL.revokeObjectURL(address);
        address = file.href;
        facts.replaceChildren(...factsOf(known));
      }
      box.classList.remove("stale");
    },
  };
}

function factsOf({ side: { model }, comparison, medianMs: [, reduced], speed }: Alternative): HTMLElement[] {
  const fact = (name: string, value: string, title?: string) =>
    element("div", { title }, element("dt", {}, name), element("dd", {}, value));
  return [
    fact("Tokens", `${model.tokens.at(-1)} of ${model.tokens[0]}`),
    fact("GMACs", giga(model.gmacs.reduced)),
    fact("Time", duration(reduced)),
    fact("Speed", !speed ? "–" : speed.verdict === "noisy" ? "too noisy" : times(speed.ratio), speed && inWords(speed)),
    fact("Same answer", comparison.same ? "yes" : "no", comparison.text.replace(/,$/, "")),
  ];
}
