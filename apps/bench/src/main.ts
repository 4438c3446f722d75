/** The page's entry: connects its parts and keeps the settings in the page's address. */
import { reasonOf } from "@ppt-vit/core";
import type { ImageClassifier } from "@ppt-vit/pipeline/browser";
import { setUpBench } from "./bench-view.js";
import { byId, complain, element } from "./dom.js";
import { type BackendChoice, backendChoices, describeMachine, machineLine } from "./machine.js";
import { demoModel, hubModel, type ModelChoice } from "./models.js";
import { type Picture, type Pictures, setUpPictures } from "./pictures.js";
import {
  automatic,
  formatSettings,
  otherPolicies,
  type PolicyChoice,
  parseSettings,
  policies,
  policyTitles,
  readers,
  type Settings,
} from "./settings.js";
import { createView } from "./view.js";

let { settings, problems } = parseSettings(location.search);
let model: ModelChoice = demoModel();
let picture: Picture | undefined;
let pictures: Pictures | undefined;
let measuring = false;
const view = createView({
  onLoaded: showOwnReduction,
  onChosen: (message) => {
    byId("backend-note", "p").textContent = message;
  },
  onRefused: (refused) => pictures?.remove(refused),
});

function change(changes: Partial<Settings>, { affectsView }: { affectsView: boolean }): void {
  settings = { ...settings, ...changes };
  history.replaceState(null, "", `${location.pathname}${formatSettings(settings)}`);
  if (affectsView) look();
}

/** The colours of registered policies. The page's security policy forbids inline styles, but allows a constructed sheet. */
const colours = new CSSStyleSheet();
for (const { name, colour } of otherPolicies) colours.insertRule(`.policy-${name} { --policy: ${colour} }`);
document.adoptedStyleSheets.push(colours);

/** Shows the tokens of the picture with the current settings, unless a benchmark is running. */
function look(): void {
  if (picture && !measuring) view.show({ model, picture, settings });
}

/** Selects a model. Of all models, the address can name only those of the Hub. */
function choose(next: ModelChoice, hub?: string): void {
  model = next;
  const { hub: _, ...rest } = settings;
  settings = rest;
  change(hub === undefined ? {} : { hub }, { affectsView: false });
  byId("model-title", "p").textContent = model.title;
  look();
}

/** Shows the model's own reduction as placeholders of the empty fields. */
function showOwnReduction(reduced: ImageClassifier | undefined): void {
  const reduction = reduced?.reduction;
  if (!reduction) return;
  const { layers, tokensRemoved, threshold } = reduction;
  byId("layers", "input").placeholder = layers.join(", ");
  byId("removed", "input").placeholder = String(tokensRemoved);
  if (typeof threshold !== "object") byId("threshold", "input").placeholder = String(threshold);
}

/** A text field for one setting. `read` returns undefined if the text is invalid, and shows the reason below the field. */
function field<K extends keyof typeof readers>(id: string, key: K) {
  const input = byId(id, "input");
  const complaint = element("span", { class: "complaint", id: `${id}-complaint` });
  input.after(complaint);
  input.value = String(settings[key] ?? "").replaceAll(",", ", ");
  const read = (): { value: ReturnType<(typeof readers)[K]> } | undefined => {
    try {
      const value = readers[key](input.value) as ReturnType<(typeof readers)[K]>;
      complaint.textContent = "";
      input.removeAttribute("aria-invalid");
      input.removeAttribute("aria-describedby");
      return { value };
    } catch (error) {
      complaint.textContent = reasonOf(error);
      input.setAttribute("aria-invalid", "true");
      input.setAttribute("aria-describedby", complaint.id);
      return undefined;
    }
  };
  return { input, read };
}

/** A field whose setting is applied when the user leaves it. */
function liveField<K extends keyof typeof readers>(id: string, key: K, affectsView: boolean): void {
  const { input, read } = field(id, key);
  input.addEventListener("change", () => {
    const entry = read();
    if (!entry) return;
    const { [key]: _, ...rest } = settings;
    settings = rest as Settings;
    change(entry.value === undefined ? {} : { [key]: entry.value }, { affectsView });
  });
}

/** Loads a model of the Hub only when the user asks for it. An address alone must not make the page contact another host. */
function setUpHub(): void {
  const { read } = field("hub", "hub");
  if (settings.hub)
    byId("hub-note", "p").textContent =
      `The address of this page names ${settings.hub}: Load fetches it from huggingface.co.`;
  byId("controls", "form").addEventListener("submit", (event) => {
    event.preventDefault();
    const id = read()?.value;
    if (id !== undefined) choose(hubModel(id), id);
  });
}

function select<V extends string>(id: string, options: readonly (readonly [V, string, boolean])[], value: string) {
  const made = byId(id, "select");
  made.replaceChildren(
    ...options.map(([name, title, disabled]) =>
      element("option", { value: name, disabled, selected: name === value }, title),
    ),
  );
  return made;
}

/** Check boxes, any number of which may be checked. */
function boxes<V extends string>(
  id: string,
  options: readonly { value: V; title: string; detail?: string | undefined; unavailable?: string | undefined }[],
  chosen: readonly string[],
  onChange: (chosen: V[]) => void,
): void {
  const inputs = options.map(({ value, unavailable }) =>
    element("input", {
      type: "checkbox",
      id: `${id}-${value}`,
      checked: chosen.includes(value) && !unavailable,
      disabled: unavailable !== undefined,
    }),
  );
  const report = () => onChange(options.flatMap(({ value }, i) => (inputs[i]!.checked ? [value] : [])));
  byId(id, "div").replaceChildren(
    ...options.map(({ title, detail, unavailable }, i) => {
      inputs[i]!.addEventListener("change", report);
      const fine = unavailable ?? detail;
      const text = element("span", {}, title, fine ? element("span", { class: "fine" }, fine) : undefined);
      return element("label", { class: unavailable ? "box unavailable" : "box" }, inputs[i]!, text);
    }),
  );
}

function setUpControls(choices: readonly BackendChoice[]): void {
  const backend = select(
    "backend",
    [
      [automatic, "Automatic", false],
      ...choices.map(({ name, title, unavailable }) => [name, title, unavailable !== undefined] as const),
    ],
    settings.backend,
  );
  backend.addEventListener("change", () => change({ backend: backend.value }, { affectsView: true }));
  const policy = select(
    "policy",
    policies.map((name) => [name, policyTitles[name], false]),
    settings.policy,
  );
  policy.addEventListener("change", () => change({ policy: policy.value as PolicyChoice }, { affectsView: true }));
  liveField("layers", "layers", true);
  liveField("removed", "tokensRemoved", true);
  liveField("threshold", "threshold", true);
  liveField("runs", "runs", false);
  liveField("warmup", "warmup", false);
  liveField("batch", "batch", false);
  boxes(
    "bench-backends",
    choices.map(({ name, ...choice }) => ({ value: name, ...choice })),
    settings.backends,
    (backends) => change({ backends }, { affectsView: false }),
  );
  boxes(
    "bench-policies",
    policies.map((value) => ({ value, title: policyTitles[value] })),
    settings.policies,
    (chosen) => change({ policies: chosen }, { affectsView: false }),
  );

  const folder = byId("folder", "input");
  folder.addEventListener("change", () => {
    const files = [...(folder.files ?? [])];
    const [name = "folder"] = files[0]?.webkitRelativePath.split("/") ?? [];
    if (files.length > 0) choose({ title: name, source: files });
    folder.value = "";
  });
  byId("model-demo", "button").addEventListener("click", () => choose(demoModel()));
}

async function start(): Promise<void> {
  for (const problem of problems) complain(problem);
  const machine = await describeMachine();
  const choices = backendChoices(machine);
  byId("machine", "p").textContent = machineLine(machine);
  const chosen = choices.find(({ name }) => name === settings.backend);
  if (settings.backend !== automatic && (!chosen || chosen.unavailable)) {
    complain(
      `Backend ${settings.backend} cannot be used: ${chosen?.unavailable ?? "there is none of that name"}. The page chooses one.`,
    );
    settings = { ...settings, backend: automatic };
  }
  // An emulated GPU takes seconds per picture, so it is selected only if the address names it.
  if (!new URLSearchParams(location.search).has("backends")) {
    const emulated = choices.filter((choice) => choice.emulated).map(({ name }) => name);
    settings = { ...settings, backends: settings.backends.filter((name) => !emulated.includes(name)) };
  }
  setUpControls(choices);
  setUpHub();
  setUpBench({
    machine,
    choices,
    current: () => ({ model, pictures: picturesToMeasure(), settings }),
    onStart() {
      measuring = true;
      view.pause();
    },
    onEnd() {
      measuring = false;
      look();
    },
  });
  byId("model-title", "p").textContent = model.title;
  pictures = setUpPictures({
    onSelect(selected) {
      picture = selected;
      look();
    },
    onModelFiles: (folder, blobs) => choose({ title: folder, source: { folder, blobs } }),
  });
}

/** The pictures for the benchmark: the selected one first, then the others. */
function picturesToMeasure(): Picture[] {
  const all = pictures?.all() ?? [];
  return picture ? [picture, ...all.filter((one) => one !== picture)] : [...all];
}

start().catch((error: unknown) => complain(`The page could not start: ${reasonOf(error)}`));
