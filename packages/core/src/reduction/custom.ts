/** Checks of policy objects that users pass. */
import { PptError } from "../errors.js";
import { type Check, callback, check, flag, found, object, text } from "../options.js";
import type { PolicySetting, ReductionPolicy } from "./policy.js";
import { policyNamed } from "./registry.js";

const required: Readonly<Record<string, Check>> = {
  name: text,
  title: text,
  description: text,
  colour: check("a colour '#rrggbb'", (value) => typeof value === "string" && /^#[\da-f]{6}$/i.test(value)),
  proportionalAttention: flag,
  mostRemovable: callback,
  action: callback,
  destinations: callback,
};
const optional: Readonly<Record<string, Check>> = {
  settings: object,
  inEveryBlock: flag,
  stageSettings: callback,
  decidesAt: callback,
  macs: callback,
};

/**
 * Requires an object with everything that a policy needs. `reserved` lists names that its own settings cannot have.
 * @throws PptError INVALID_REDUCTION, saying what is missing or wrong
 */
export function requirePolicy(value: object, reserved: readonly string[]): ReductionPolicy {
  const fields = value as Readonly<Record<string, unknown>>;
  const problems: string[] = [];
  let lost = "";
  try {
    for (const [name, { expected, holds }] of Object.entries(required))
      if (fields[name] === undefined) problems.push(`${name} is missing, expected ${expected}`);
      else if (!holds(fields[name])) problems.push(`${name} is ${found(fields[name])}, expected ${expected}`);
    for (const [name, { expected, holds }] of Object.entries(optional))
      if (fields[name] !== undefined && !holds(fields[name]))
        problems.push(`${name} is ${found(fields[name])}, expected ${expected}`);
    if (problems.length === 0) problems.push(...problemsOf(value as ReductionPolicy, reserved));
    // JSON and messages to workers keep no functions.
    if (!Object.values(fields).some((field) => typeof field === "function")) lost = lostFunctions;
  } catch {
    problems.push("it cannot be read");
  }
  if (problems.length === 0) return value as ReductionPolicy;
  throw new PptError(
    "INVALID_REDUCTION",
    `reduction: policy must be a name, or an object with all of a policy: ${problems.join("; ")}${lost}`,
  );
}

const lostFunctions =
  ". An object that went through JSON or to a worker has lost its functions: pass the policy itself";

function problemsOf(policy: ReductionPolicy, reserved: readonly string[]): string[] {
  const namesake = policyNamed(policy.name);
  const problems = namesake && namesake !== policy ? [`the name '${policy.name}' is taken, choose another`] : [];
  if (namesake) return problems;
  const settings = (policy.settings ?? {}) as Readonly<Record<string, Partial<PolicySetting<unknown>> | undefined>>;
  // What every object has, such as `constructor`, would be found in settings that leave it out.
  for (const [name, setting] of Object.entries(settings))
    if (reserved.includes(name) || name in {}) problems.push(`the setting '${name}' is taken, choose another name`);
    else if (
      typeof setting?.parse !== "function" ||
      typeof setting.describe !== "function" ||
      !text.holds(setting.expected)
    )
      problems.push(`settings.${name} is ${found(setting)}, expected { expected, parse, describe }`);
  return problems;
}
