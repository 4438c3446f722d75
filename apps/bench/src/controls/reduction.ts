/** How tokens are reduced: presets, two sliders that act while they are dragged, and fields for experts. */
import { effect } from "@preact/signals-core";
import type { App } from "../app.js";
import { element, threeDigits } from "../dom.js";
import { select, settingField } from "../fields.js";
import { presets } from "../presets/index.js";
import { type PolicyChoice, policies, policyTitles, readers, type Settings } from "../settings.js";
import type { Control } from "./control.js";

/** The settings that a preset replaces. */
const ownSettings = ["policy", "layers", "tokensRemoved", "threshold"] as const;

/** The preset that is in force: `paper` is what holds where nothing is set. */
function activePreset(settings: Settings): string | undefined {
  const { preset, policy } = settings;
  const untouched = policy === "ppt" && ownSettings.every((key) => key === "policy" || settings[key] === undefined);
  return preset ?? (untouched ? "paper" : undefined);
}

/** The tokens that remain after `stages` stages that each remove `removed`, and at most half of what they may. */
export function tokensKept(tokens: number, stages: number, removed: number): number {
  let left = tokens;
  for (let i = 0; i < stages; i++) left -= Math.min(removed, Math.floor((left - 1) / 2));
  return left;
}

export const reduction: Control = {
  name: "reduction",
  title: "Reduction",
  mount(app, section) {
    const complaint = element("p", { id: "reduction-complaint", class: "complaint", role: "status" });
    section.append(presetButtons(app), keptSlider(app), thresholdSlider(app), complaint, expertFields(app));
    effect(() => {
      complaint.textContent = app.refused.value ?? "";
    });
  },
};

function presetButtons(app: App): HTMLElement {
  const about = element("p", { class: "fine", id: "preset-about" });
  const buttons = presets.map(({ name, title }) => {
    const button = element("button", { type: "button", id: `preset-${name}` }, title);
    button.addEventListener("click", () => {
      const cleared = Object.fromEntries(ownSettings.map((key) => [key, undefined]));
      app.change({ ...cleared, policy: "ppt", preset: name === "paper" ? undefined : name });
    });
    return button;
  });
  effect(() => {
    const active = activePreset(app.settings.value);
    const isDemo = app.model.value.demo === true;
    for (const [i, { name, demoOnly }] of presets.entries()) {
      buttons[i]!.setAttribute("aria-pressed", String(name === active));
      buttons[i]!.hidden = demoOnly === true && !isDemo;
    }
    about.textContent = presets.find(({ name }) => name === active)?.about ?? "your own settings";
  });
  const group = element("div", { class: "segmented", role: "group", "aria-label": "Presets" }, ...buttons);
  return element("div", { class: "presets" }, group, about);
}

/** A slider with its value beside its name. */
function slider(id: string, label: string, range: { min: number; max: number; step: number }) {
  const output = element("output", { id: `${id}-value`, for: id });
  const input = element("input", { id, type: "range", ...range });
  // An output inside a label would take the label for itself.
  const field = element("div", { class: "slider" }, element("label", { for: id }, label), output, input);
  return { field, input, output };
}

/** Every position removes one more token in each stage. It counts from what the shown model has. */
function keptSlider(app: App): HTMLElement {
  const { field, input, output } = slider("kept", "Tokens kept", { min: 0, max: 1, step: 1 });
  let [tokens, stages] = [1, 1];
  const removedAt = () => Number(input.max) - Number(input.value);
  const say = (kept: number) => {
    output.textContent = `${kept} of ${tokens}`;
    input.setAttribute("aria-valuetext", `${kept} of ${tokens} tokens`);
  };
  input.addEventListener("input", () => {
    const { policy } = app.settings.value;
    say(tokensKept(tokens, stages, removedAt()));
    app.change({
      preset: undefined,
      policy: policy === "unreduced" ? "ppt" : policy,
      tokensRemoved: removedAt(),
    });
  });
  effect(() => {
    const outcome = app.outcome.value;
    if (!outcome) return;
    const shown = (outcome.reduced ?? outcome.unreduced).model;
    // Without a reduction there are no stages to count, and the last ones hold.
    if (outcome.reduced) {
      tokens = shown.tokens[0]!;
      stages = shown.tokens.length - 1;
    }
    input.max = String(Math.floor((tokens - 1) / 2));
    const kept = shown.tokens.at(-1)!;
    const own = app.settings.peek().tokensRemoved;
    const removed = typeof own === "number" ? own : Math.round((tokens - kept) / stages);
    // While the slider is dragged it is ahead of the result.
    if (!input.matches(":active")) input.value = String(Number(input.max) - (outcome.reduced ? removed : 0));
    say(kept);
  });
  return field;
}

/** The threshold's exponent. */
function thresholdSlider(app: App): HTMLElement {
  const { field, input, output } = slider("threshold-slider", "Threshold", { min: -7, max: -1, step: 0.1 });
  const say = (text: string) => {
    output.textContent = text;
    input.setAttribute("aria-valuetext", text);
  };
  input.addEventListener("input", () => {
    const threshold = Number((10 ** Number(input.value)).toPrecision(2));
    say(threeDigits(threshold));
    app.change({ preset: undefined, threshold });
  });
  effect(() => {
    const { policy, threshold, preset } = app.settings.value;
    const own = app.outcome.value?.reduced?.model.reduction?.threshold;
    input.disabled = policy !== "ppt";
    const value = threshold ?? (typeof own === "number" ? own : undefined);
    if (policy !== "ppt") return say("has no effect");
    if (value === undefined) return say(preset === undefined ? "the model's own" : "the preset's own");
    if (!input.matches(":active")) input.value = String(Math.log10(Math.max(value, 1e-7)));
    say(threeDigits(value));
  });
  const note = element(
    "p",
    { class: "fine" },
    "If the scores of a picture vary less than the threshold, tokens are pooled; otherwise they are pruned.",
  );
  return element("div", { class: "presets" }, field, note);
}

function expertFields(app: App): HTMLElement {
  const policy = select(
    "policy",
    policies.map((value) => ({ value, title: policyTitles[value] })),
  );
  policy.addEventListener("change", () => app.change({ preset: undefined, policy: policy.value as PolicyChoice }));
  const noPreset = { preset: undefined };
  const layers = settingField(app, "layers", "Blocks", "layers", readers.layers, noPreset);
  const removed = settingField(app, "removed", "Tokens per block", "tokensRemoved", readers.tokensRemoved, noPreset);
  const threshold = settingField(app, "threshold", "Threshold", "threshold", readers.threshold, noPreset);
  effect(() => {
    const settings = app.settings.value;
    policy.value = settings.policy;
    threshold.input.disabled = settings.policy !== "ppt";
  });
  // The model's own settings are placeholders of the empty fields.
  effect(() => {
    const own = app.outcome.value?.reduced?.model.reduction;
    if (!own) return;
    layers.input.placeholder = own.layers.join(", ");
    const { tokensRemoved } = own;
    removed.input.placeholder = typeof tokensRemoved === "number" ? String(tokensRemoved) : "by the preset";
    if (typeof own.threshold === "number") threshold.input.placeholder = String(own.threshold);
  });
  return element(
    "details",
    { id: "expert" },
    element("summary", {}, "Expert settings"),
    element(
      "div",
      { class: "fields" },
      element("label", { class: "wide" }, "Policy ", policy),
      layers.field,
      removed.field,
      threshold.field,
    ),
    element("p", { class: "fine" }, "An empty field means the model's own setting."),
  );
}
