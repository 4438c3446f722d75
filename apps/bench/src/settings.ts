/** The user's settings, and how the page's address holds them. */
import { defaultDtype, defaultPolicy, type PolicyName, reasonOf, policies as registered } from "@ppt-vit/core";
import { type PrecisionName, precisionNames } from "./precisions.js";
import { presets } from "./presets/index.js";

/** The registered policies other than PPT, for comparison. */
export const otherPolicies = registered.filter((policy) => policy !== defaultPolicy);

/** The unreduced model, PPT as it decides (`ppt`), PPT with one fixed action (`prune`, `pool`), and the other policies. */
export type PolicyChoice = "unreduced" | "prune" | "pool" | PolicyName;

export const policies: readonly PolicyChoice[] = [
  "unreduced",
  "ppt",
  "prune",
  "pool",
  ...otherPolicies.map(({ name }) => name),
];

export const policyTitles = Object.fromEntries([
  ["unreduced", "Unreduced"],
  ["prune", "Prune only"],
  ["pool", "Pool only"],
  ...registered.map(({ name, title }) => [name, title]),
]) as Readonly<Record<PolicyChoice, string>>;

/** What the policies do, as a sentence without its subject and its full stop. */
export const policyAbouts = Object.fromEntries([
  ["unreduced", "removes nothing"],
  ["prune", "prunes in every stage, whatever the scores"],
  ["pool", "pools in every stage, whatever the scores"],
  ...registered.map(({ name, description }) => [name, description]),
]) as Readonly<Record<PolicyChoice, string>>;

export interface Settings {
  /** The part of the page that is shown. */
  readonly tab: string;
  /** The name of a sample picture. Missing for the first one, and for the user's own, which an address cannot name. */
  readonly picture?: string;
  /** What the model is used for. Missing for the first task that it has. */
  readonly task?: string;
  /** A model of the Hub, as `org/name`. Missing for the demo model and for a folder, which an address cannot name. */
  readonly hub?: string;
  /** The backend of the token view, or `auto`. */
  readonly backend: string;
  readonly policy: PolicyChoice;
  /** The name of a preset, which takes the place of `policy`, `layers`, `tokensRemoved` and `threshold`. */
  readonly preset?: string;
  /** `layers`, `tokensRemoved` and `threshold` are the model's own if they are missing. */
  readonly layers?: readonly number[];
  readonly tokensRemoved?: number;
  readonly threshold?: number;
  /** The backends that the benchmark compares. */
  readonly backends: readonly string[];
  readonly policies: readonly PolicyChoice[];
  /** The precisions that it compares. */
  readonly dtypes: readonly PrecisionName[];
  readonly runs: number;
  readonly warmup: number;
  /** The numbers of pictures in a run that it compares, ascending. */
  readonly batches: readonly number[];
  /** Whether the benchmark starts by itself. */
  readonly autorun: boolean;
}

/** Lets the worker choose the best backend that works. */
export const automatic = "auto";

export const defaultSettings: Settings = {
  tab: "tokens",
  backend: automatic,
  policy: "ppt",
  backends: ["wasm", "onnx-wasm", "onnx-webgpu"],
  policies: ["unreduced", "ppt"],
  dtypes: [defaultDtype],
  runs: 10,
  warmup: 2,
  batches: [1],
  autorun: false,
};

export const limits = { runs: [1, 1000], warmup: [0, 100], batch: [1, 64] } as const;

/** Each of them is a row of the table for every policy and precision. */
const mostBatches = 8;

/** The preset of that name. @throws Error if there is none */
export function presetNamed(name: string) {
  const found = presets.find((preset) => preset.name === name);
  if (!found) throw new Error(`“${name}” is none of ${presets.map((preset) => preset.name).join(", ")}`);
  return found;
}

/** What the page calls the reduced model of these settings. */
export const titleOfReduced = ({ preset, policy }: Settings): string =>
  preset === undefined || policy !== "ppt" ? policyTitles[policy] : presetNamed(preset).title;

const isPolicy = (text: string): text is PolicyChoice => policies.some((policy) => policy === text);

/** Parse fields of the form or of the address; empty optional ones give undefined. @throws Error that says what is wrong */
export const readers = {
  hub(text: string): string | undefined {
    const id = text.trim();
    if (!id) return undefined;
    if (!/^[\w.-]+\/[\w.-]+$/.test(id))
      throw new Error(`“${text}” is no id of the Hub: write it like facebook/deit-small-patch16-224`);
    return id;
  },
  layers(text: string): readonly number[] | undefined {
    if (!text.trim()) return undefined;
    const layers = text
      .split(/[\s,]+/)
      .filter(Boolean)
      .map(Number);
    if (!layers.every((layer) => Number.isInteger(layer) && layer >= 0))
      throw new Error(`“${text}” are no block numbers: write them like 3, 6, 9`);
    if (layers.some((layer, i) => i > 0 && layer <= layers[i - 1]!))
      throw new Error(`“${text}”: block numbers must ascend`);
    return layers;
  },
  tokensRemoved: (text: string) => (text.trim() ? wholeNumber(text, "tokens per stage", 0, 10_000) : undefined),
  threshold(text: string): number | undefined {
    if (!text.trim()) return undefined;
    const value = Number(text);
    if (!(value >= 0)) throw new Error(`“${text}” is no threshold: write a number such as 7e-5`);
    return value;
  },
  runs: (text: string) => wholeNumber(text, "runs", ...limits.runs),
  warmup: (text: string) => wholeNumber(text, "warm-up runs", ...limits.warmup),
  batches: (text: string): readonly number[] => {
    const numbers = text
      .split(/[\s,]+/)
      .filter(Boolean)
      .map((one) => wholeNumber(one, "pictures per run", ...limits.batch));
    if (numbers.length === 0 || numbers.length > mostBatches)
      throw new Error(`“${text}”: write from one to ${mostBatches} numbers, like 1, 2, 4, 8`);
    return [...new Set(numbers)].sort((a, b) => a - b);
  },
};

function wholeNumber(text: string, what: string, least: number, most: number): number {
  const value = Number(text);
  if (!text.trim() || !Number.isInteger(value) || value < least || value > most)
    throw new Error(`“${text}” ${what}: write a whole number from ${least} to ${most}`);
  return value;
}

/** Parses the query of an address. An invalid value is replaced by its default and named in `problems`. */
export function parseSettings(search: string): { settings: Settings; problems: string[] } {
  const query = new URLSearchParams(search);
  const problems: string[] = [];
  const read = <R>(name: string, reader: (text: string) => R): R | undefined => {
    const text = query.get(name);
    if (text === null) return undefined;
    try {
      return reader(text);
    } catch (error) {
      problems.push(`${name} in the address: ${reasonOf(error)}`);
      return undefined;
    }
  };
  const list = (text: string) => text.split(",").filter(Boolean);
  const policyOf = (text: string): PolicyChoice => {
    if (!isPolicy(text)) throw new Error(`“${text}” is none of ${policies.join(", ")}`);
    return text;
  };
  const dtypeOf = (text: string): PrecisionName => {
    const found = precisionNames.find((name) => name === text);
    if (!found) throw new Error(`“${text}” is none of ${precisionNames.join(", ")}`);
    return found;
  };
  const given = {
    tab: read("tab", (text) => text),
    picture: read("picture", (text) => text),
    task: read("task", (text) => text),
    hub: read("model", readers.hub),
    backend: read("backend", (text) => text),
    policy: read("policy", policyOf),
    preset: read("preset", (text) => presetNamed(text).name),
    layers: read("layers", readers.layers),
    tokensRemoved: read("removed", readers.tokensRemoved),
    threshold: read("threshold", readers.threshold),
    backends: read("backends", list),
    policies: read("policies", (text) => list(text).map(policyOf)),
    dtypes: read("dtypes", (text) => list(text).map(dtypeOf)),
    runs: read("runs", readers.runs),
    warmup: read("warmup", readers.warmup),
    batches: read("batch", readers.batches),
    autorun: read("autorun", (text) => text !== "0" && text !== "false"),
  };
  const present = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return { settings: { ...defaultSettings, ...present }, problems };
}

/** The query of an address with these settings. Defaults are left out, so it may be empty. */
export function formatSettings(settings: Settings): string {
  const names: readonly [string, keyof Settings][] = [
    ["tab", "tab"],
    ["picture", "picture"],
    ["task", "task"],
    ["model", "hub"],
    ["backend", "backend"],
    ["policy", "policy"],
    ["preset", "preset"],
    ["layers", "layers"],
    ["removed", "tokensRemoved"],
    ["threshold", "threshold"],
    ["backends", "backends"],
    ["policies", "policies"],
    ["dtypes", "dtypes"],
    ["runs", "runs"],
    ["warmup", "warmup"],
    ["batch", "batches"],
  ];
  const query = names.flatMap(([name, key]) => {
    const value = settings[key];
    if (value === undefined || String(value) === String(defaultSettings[key])) return [];
    return [`${name}=${encodeURIComponent(String(value)).replace(/%2C|%2F/g, decodeURIComponent)}`];
  });
  return query.length > 0 ? `?${query.join("&")}` : "";
}

/** The option `reduction` of `fromPretrained` for a policy with these settings. A preset gives its schedule to every policy. */
export function reductionOf(policy: PolicyChoice, { preset, layers, tokensRemoved, threshold }: Settings) {
  if (policy === "unreduced") return false;
  const given = preset === undefined ? undefined : presetNamed(preset).reduction;
  if (given && policy === "ppt") return given;
  const schedule = given
    ? {
        ...(given.layers && { layers: given.layers }),
        ...(given.tokensRemoved && { tokensRemoved: given.tokensRemoved }),
      }
    : { ...(layers && { layers }), ...(tokensRemoved !== undefined && { tokensRemoved }) };
  if (policy === "ppt" || policy === "prune" || policy === "pool") {
    const limit = policy === "ppt" ? threshold : policy;
    return { ...schedule, ...(limit !== undefined && { threshold: limit }) };
  }
  return { policy, ...schedule };
}
