/** The page's entry: makes the state, the session and the tabs, and connects them. */

import { reasonOf } from "@ppt-vit/core";
import { computed, effect } from "@preact/signals-core";
import { type App, createState, type State } from "./app.js";
import { controls } from "./controls/index.js";
import { byId, complain, element, settle } from "./dom.js";
import { backendChoices, describeMachine, machineLine } from "./machine.js";
import { codeOf, createSession, messageFor, type Outcome, type Request, type Session } from "./session.js";
import { automatic, otherPolicies, parseSettings } from "./settings.js";
import { tabs } from "./tabs/index.js";

/** The colours of registered policies. The page's security policy forbids inline styles, but allows a constructed sheet. */
const colours = new CSSStyleSheet();
for (const { name, colour } of otherPolicies) colours.insertRule(`.policy-${name} { --policy: ${colour} }`);
document.adoptedStyleSheets.push(colours);

/** Whether this is a build, which has a service worker. */
declare const __OFFLINE__: boolean;

async function start(): Promise<void> {
  const { settings, problems } = parseSettings(location.search);
  for (const problem of problems) complain(problem);
  const machine = await describeMachine();
  const choices = backendChoices(machine);
  byId("machine", "p").textContent = machineLine(machine);
  const usable = (name: string) => choices.find((choice) => choice.name === name);
  let { backend, backends, tab } = settings;
  if (backend !== automatic && (!usable(backend) || usable(backend)!.unavailable)) {
    const reason = usable(backend)?.unavailable ?? "there is none of that name";
    complain(`Backend ${backend} cannot be used: ${reason}. The page chooses one.`);
    backend = automatic;
  }
  // An emulated GPU takes seconds per picture, so it is selected only if the address names it.
  if (!new URLSearchParams(location.search).has("backends"))
    backends = backends.filter((name) => !usable(name)?.emulated);
  if (!tabs.some(({ name }) => name === tab)) {
    complain(`There is no part “${tab}” of this page: it has ${tabs.map(({ name }) => name).join(", ")}.`);
    tab = tabs[0]!.name;
  }
  const state = createState(machine, choices, { ...settings, backend, backends, tab });
  const app: App = { ...state, session: sessionFor(state) };
  setUpControls(app);
  setUpTabs(app);
  look(app);
  if (__OFFLINE__ && "serviceWorker" in navigator) keepForLater(app);
}

/** From the second visit on the page needs no network. The first visit's own work goes first. */
function keepForLater(app: App): void {
  let begun = false;
  effect(() => {
    if (begun || app.status.value.working || !app.rested.value) return;
    begun = true;
    navigator.serviceWorker
      .register("./service-worker.js")
      .catch((error: unknown) => console.warn(`This browser does not keep the page for later: ${reasonOf(error)}`));
  });
}

/** A session that tells the page's state what it does. */
function sessionFor(app: State): Session {
  const say = (text: string, share?: number) => {
    app.status.value = { text, working: true, share };
  };
  /** The unreduced model, shown because the reduction does not fit a new model: the complaint stays beside it. */
  let instead: Request | undefined;
  const session = createSession({
    onStatus: say,
    onChosen(message) {
      app.chosen.value = message;
    },
    onOutcome(outcome) {
      if (outcome.request !== instead) app.refused.value = undefined;
      settle("model");
      app.outcome.value = outcome;
      app.status.value = { text: sentence(outcome), working: false };
    },
    onSpeed(speed) {
      app.speed.value = speed;
    },
    onAlternative(alternative) {
      app.alternatives.value = new Map(app.alternatives.value).set(alternative.policy, alternative);
    },
    onFailure(error, request) {
      app.status.value = { text: app.outcome.value ? "The last result stays." : "Nothing to show.", working: false };
      if (codeOf(error) === "INVALID_REDUCTION") {
        app.refused.value = reasonOf(error);
        const shown = app.outcome.value;
        if (shown?.request.model === request.model && shown.request.picture === request.picture) {
          // Another kind of answer asks for the same picture again. What is shown is still the answer.
          if (shown.request === instead) app.status.value = { text: sentence(shown), working: false };
          return;
        }
        const { preset: _, ...settings } = request.settings;
        instead = { ...request, settings: { ...settings, policy: "unreduced" } };
        // Not from within: the session is still at this request.
        queueMicrotask(() => session.show(instead!));
        return;
      }
      complain(messageFor(error, request), codeOf(error) === "INVALID_IMAGE" ? "picture" : "model");
      if (codeOf(error) === "INVALID_IMAGE") app.gallery.value?.remove(request.picture);
      else if (app.outcome.value?.request.model !== request.model) app.outcome.value = undefined;
    },
    onRest() {
      app.rested.value = true;
      if (app.status.value.working) app.status.value = { ...app.status.value, working: false };
    },
  });
  return session;
}

function sentence({ answer, unreduced, reduced, request: { picture } }: Outcome): string {
  const whole = answer.say(unreduced.result);
  return reduced
    ? `${picture.name}: ${whole} unreduced, ${answer.say(reduced.result)} with ${reduced.title}`
    : `${picture.name}: ${whole}`;
}

const policiesOf = (name: string) => tabs.find((tab) => tab.name === name)?.policies;

/** Shows the chosen picture with the current settings whenever one of them changes, unless the machine is busy. */
function look(app: App): void {
  // Only these settings make another result. Similar pictures are looked for among all that there are.
  const relevant = computed(() => {
    const { backend, policy, preset, layers, tokensRemoved, threshold, task } = app.settings.value;
    const amongAll = app.outcome.value?.answer.task === "image-feature-extraction";
    const number = amongAll ? app.pictures.value.length : 0;
    const compared = policiesOf(app.settings.value.tab) !== undefined;
    return JSON.stringify([backend, policy, preset, layers, tokensRemoved, threshold, task, number, compared]);
  });
  let backend = app.settings.peek().backend;
  effect(() => {
    relevant.value;
    const [model, picture, busy] = [app.model.value, app.picture.value, app.busy.value];
    const settings = app.settings.peek();
    if (settings.backend !== backend) app.chosen.value = "";
    backend = settings.backend;
    if (!picture || busy) return;
    const policies = policiesOf(settings.tab);
    app.session.show({ model, picture, others: app.pictures.peek(), settings, ...(policies && { policies }) });
  });
}

function setUpControls(app: App): void {
  const aside = byId("controls", "aside");
  for (const { name, title, mount } of controls) {
    const section = element("section", { "aria-labelledby": `${name}-heading` });
    section.append(element("h2", { id: `${name}-heading` }, title));
    aside.append(section);
    mount(app, section);
  }
}

/** The tabs as WAI-ARIA describes them: arrow keys go from one to the next. */
function setUpTabs(app: App): void {
  const list = byId("tabs", "div");
  const panels = byId("panels", "div");
  const made = tabs.map((tab) => {
    const button = element("button", { type: "button", role: "tab", id: `tab-${tab.name}` }, tab.title);
    button.setAttribute("aria-controls", `panel-${tab.name}`);
    const panel = element("section", {
      id: `panel-${tab.name}`,
      class: "panel",
      role: "tabpanel",
      "aria-labelledby": button.id,
      hidden: true,
    });
    button.addEventListener("click", () => app.change({ tab: tab.name }));
    list.append(button);
    panels.append(panel);
    return { tab, button, panel };
  });
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    const at = made.findIndex(({ button }) => button === document.activeElement);
    const next = made[(at + step + made.length) % made.length]!;
    next.button.focus();
    app.change({ tab: next.tab.name });
  });
  const shown = computed(() => app.settings.value.tab);
  let last: (typeof made)[number] | undefined;
  effect(() => {
    const current = made.find(({ tab }) => tab.name === shown.value)!;
    if (last && last !== current) last.tab.leave?.(app);
    for (const one of made) {
      const isCurrent = one === current;
      one.panel.hidden = !isCurrent;
      one.button.setAttribute("aria-selected", String(isCurrent));
      one.button.tabIndex = isCurrent ? 0 : -1;
    }
    document.body.classList.toggle("with-controls", current.tab.controls);
    if (current.panel.childElementCount === 0) current.tab.mount(app, current.panel);
    last = current;
  });
}

start().catch((error: unknown) => complain(`The page could not start: ${reasonOf(error)}`));
