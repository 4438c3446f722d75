/** What the functions of a policy return, checked: a policy may be a user's, and written in JavaScript. */
import { isPptError, PptError, reasonOf } from "../errors.js";
import { type Check, check, found } from "../options.js";
import type { ReductionPolicy } from "./policy.js";

/**
 * Calls a function of a policy. `call` is its name in errors, with the arguments that tell one call from another.
 * @throws PptError INVALID_REDUCTION if it throws, or returns something else than `expected`
 */
export function answerOf<Answer>({ name }: ReductionPolicy, call: string, ask: () => Answer, expected: Check): Answer {
  const refuse = (what: string, cause?: unknown): never => {
    throw new PptError("INVALID_REDUCTION", `reduction: policy '${name}': ${call} ${what}`, { cause });
  };
  let answer: Answer;
  try {
    answer = ask();
  } catch (cause) {
    if (isPptError(cause)) throw cause;
    return refuse(`fails: ${reasonOf(cause)}`, cause);
  }
  return expected.holds(answer) ? answer : refuse(`is ${found(answer)}, expected ${expected.expected}`);
}

export const optionalAmount: Check = check(
  "a finite number of at least 0, or undefined",
  (value) => value === undefined || (Number.isFinite(value) && (value as number) >= 0),
);

/** Lists and objects as JSON knows them. */
export const isPlain = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" &&
  value !== null &&
  (Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype);

function isJson(value: unknown, around: readonly object[] = []): boolean {
  if (value === null || typeof value === "string" || typeof value === "boolean" || Number.isFinite(value)) return true;
  if (!isPlain(value) || around.includes(value)) return false;
  // JSON leaves out fields that are undefined.
  return Object.values(value).every((entry) => entry === undefined || isJson(entry, [...around, value]));
}

/** A parsed setting. Undefined says that the value is none. */
export const settingValue: Check = check(
  "a value that JSON can hold, or undefined",
  (value) => value === undefined || isJson(value),
);
