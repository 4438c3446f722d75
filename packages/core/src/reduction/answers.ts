/** What the functions of a policy return, checked: a policy may be a user's, and written in JavaScript. */
import { isPptError, PptError, reasonOf } from "../errors.js";
import { type Check, check, found, jsonValue } from "../options.js";
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

/** A parsed setting. Undefined says that the value is none. */
export const settingValue: Check = check(
  `${jsonValue.expected}, or undefined`,
  (value) => value === undefined || jsonValue.holds(value),
);
