/** The state of the page, as signals, and the two ways to change it. Parts of the page follow it by `effect`. */
import { batch, type ReadonlySignal, type Signal, signal } from "@preact/signals-core";
import type { BackendChoice, Machine } from "./machine.js";
import { demoModel, type ModelChoice } from "./models.js";
import type { Estimate } from "./paired.js";
import type { Gallery, Picture } from "./picture.js";
import type { Alternative, Outcome, RefusedAlternative, Session } from "./session.js";
import { formatSettings, type PolicyChoice, type Settings } from "./settings.js";

/** A change of some settings. `undefined` takes an optional one away. */
export type Changes = { readonly [Key in keyof Settings]?: Settings[Key] | undefined };

/** What the page does at the moment, for everybody to read. */
export interface Status {
  readonly text: string;
  /** Whether something is computed now. */
  readonly working: boolean;
  /** The share of a download that has arrived. */
  readonly share?: number | undefined;
}

export interface App {
  readonly session: Session;
  readonly machine: Machine;
  readonly choices: readonly BackendChoice[];
  readonly settings: ReadonlySignal<Settings>;
  readonly model: ReadonlySignal<ModelChoice>;
  readonly picture: Signal<Picture | undefined>;
  /** All pictures that the user may choose: their own, or the samples if there are none. */
  readonly pictures: Signal<readonly Picture[]>;
  /** Set as soon as the list of pictures is on the page. */
  readonly gallery: Signal<Gallery | undefined>;
  /** The last result, which stays until the next is there. */
  readonly outcome: Signal<Outcome | undefined>;
  /** How much faster the reduced model of `outcome` is here. Undefined while too little is measured. */
  readonly speed: Signal<Estimate | undefined>;
  /** The policies that are compared on the picture, each with the last that is known of it. */
  readonly alternatives: Signal<ReadonlyMap<PolicyChoice, Alternative | RefusedAlternative>>;
  readonly status: Signal<Status>;
  /** Whether the page has been at rest: its first answer is there, and measured. */
  readonly rested: Signal<boolean>;
  /** What the worker says about the backend that it chose; empty for one that was named. */
  readonly chosen: Signal<string>;
  /** What is wrong with the reduction that the user asked for. */
  readonly refused: Signal<string | undefined>;
  /** Who uses the machine at the moment, so that others leave it alone: a benchmark, the camera. */
  readonly busy: Signal<string | undefined>;
  /** Changes settings and the page's address. */
  change(changes: Changes): void;
  /** Selects a model. Of all models, the address can name only those of the Hub. */
  choose(model: ModelChoice, hub?: string): void;
}

export type State = Omit<App, "session">;

export function createState(machine: Machine, choices: readonly BackendChoice[], given: Settings): State {
  const settings = signal(given);
  const model = signal(demoModel());
  function change(changes: Changes): void {
    const entries = Object.entries({ ...settings.value, ...changes }).filter(([, value]) => value !== undefined);
    settings.value = Object.fromEntries(entries) as unknown as Settings;
    history.replaceState(null, "", `${location.pathname}${formatSettings(settings.value)}`);
  }
  return {
    machine,
    choices,
    settings,
    model,
    picture: signal(undefined),
    pictures: signal([]),
    gallery: signal(undefined),
    outcome: signal(undefined),
    speed: signal(undefined),
    alternatives: signal(new Map()),
    status: signal({ text: "Starting", working: true }),
    rested: signal(false),
    chosen: signal(""),
    refused: signal(undefined),
    busy: signal(undefined),
    change,
    choose(next, hub) {
      batch(() => {
        model.value = next;
        // What another model can do, and what was set for it, does not hold for this one.
        change({ hub, task: undefined, preset: undefined });
      });
    },
  };
}
