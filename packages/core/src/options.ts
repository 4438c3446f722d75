/**
 * Checks of options and arguments, for callers without types. A table says what each one must be. An error names the one
 * that is wrong, what was found and what is expected.
 */
import { counted } from "./counted.js";
import { PptError, type PptErrorCode } from "./errors.js";
import { isLazy } from "./lazy-tensor.js";
import { isQuantized } from "./quantized/index.js";
import { show } from "./show.js";

export { counted } from "./counted.js";

/** A test of one value, with words for what it expects. */
export interface Check {
  /** Completes the sentence "expected ...". */
  readonly expected: string;
  holds(value: unknown): boolean;
}

/** A check of your own: what it expects, in words, and whether a value is that. */
export const check = (expected: string, holds: (value: unknown) => boolean): Check => ({ expected, holds });

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** true or false. */
export const flag: Check = check("true or false", (value) => typeof value === "boolean");
/** A text that is not empty. */
export const text: Check = check("a text that is not empty", (value) => typeof value === "string" && value !== "");
/** A function. */
export const callback: Check = check("a function", (value) => typeof value === "function");
/** An object. */
export const object: Check = check("an object", isObject);
/** A whole number from 1 to `most`. */
export const count = (most = Number.MAX_SAFE_INTEGER): Check =>
  check(
    `a whole number of at least 1${most < Number.MAX_SAFE_INTEGER ? `, at most ${most}` : ""}`,
    (value) => Number.isInteger(value) && (value as number) >= 1 && (value as number) <= most,
  );
/** The seed of a random number generator. */
export const seedCheck: Check = check("a whole number", (value) => Number.isSafeInteger(value));
/** A finite number above 0. */
export const positive: Check = check(
  "a number above 0",
  (value) => typeof value === "number" && Number.isFinite(value) && value > 0,
);
/** One of `values`. */
export const oneOf = (values: readonly unknown[]): Check =>
  check(
    `one of ${values.map((value) => (typeof value === "string" ? `'${value}'` : show(value))).join(", ")}`,
    (value) => values.includes(value),
  );
/** An array whose elements all hold. */
export const arrayOf = (what: string, holds: (value: unknown) => boolean = () => true): Check =>
  // Array.from fills the holes of a sparse array, which `every` would skip.
  check(`an array of ${what}`, (value) => Array.isArray(value) && Array.from(value).every(holds));
/** An object whose named fields pass their tests. Other fields are not looked at. */
export const shaped = (expected: string, fields: Readonly<Record<string, (value: unknown) => boolean>>): Check =>
  check(
    expected,
    (value) =>
      ((typeof value === "object" && value !== null) || typeof value === "function") &&
      Object.entries(fields).every(([name, holds]) => holds((value as Record<string, unknown>)[name])),
  );
const isFunction = callback.holds;

/** Lists and objects as JSON knows them. */
export const isPlain = (value: unknown): value is Readonly<Record<string, unknown>> =>
  Array.isArray(value) || (isObject(value) && Object.getPrototypeOf(value) === Object.prototype);

function isJson(value: unknown, around: readonly object[] = []): boolean {
  if (value === null || typeof value === "string" || typeof value === "boolean" || Number.isFinite(value)) return true;
  if (!isPlain(value) || around.includes(value)) return false;
  // JSON leaves out fields that are undefined.
  return Object.values(value).every((entry) => entry === undefined || isJson(entry, [...around, value]));
}

/** JSON writes NaN and infinities as null, and leaves out functions. */
export const jsonValue: Check = check("a value that JSON can hold", isJson);

const isShape = (value: unknown): boolean =>
  Array.isArray(value) && Array.from(value).every((n) => Number.isInteger(n) && (n as number) >= 0);
const floatsCheck = shaped("", { shape: isShape, data: (value) => value instanceof Float32Array });
/** The `data` of a quantised tensor is computed at each reading, so its integers are looked at instead. */
const quantizedCheck = shaped("", { shape: isShape, quantized: isQuantized });

/** A host tensor. */
export const hostTensorCheck: Check = check(
  "a tensor { shape, data: Float32Array }",
  (value) =>
    isLazy(value) ||
    (object.holds(value) && (value as { quantized?: unknown }).quantized !== undefined
      ? quantizedCheck
      : floatsCheck
    ).holds(value),
);
/** A `Uint8Array`. */
export const bytesCheck: Check = check("a Uint8Array", (value) => value instanceof Uint8Array);
/** The signal of an `AbortController`. */
export const signalCheck: Check = shaped("an AbortSignal", {
  aborted: flag.holds,
  addEventListener: isFunction,
  throwIfAborted: isFunction,
});
/** A backend. */
export const backendCheck: Check = shaped(
  "a backend with specVersion 1 ({ specVersion, name, capabilities, compile, dispose }), as createCpuBackend() makes it",
  {
    specVersion: (value) => value === 1,
    name: text.holds,
    capabilities: isObject,
    compile: isFunction,
    dispose: isFunction,
  },
);

/** Like `show`, but large values are described by their size instead of being converted. */
export function found(value: unknown): string {
  try {
    if (typeof value === "function") return "a function";
    if (value instanceof Promise) return "a promise: await it";
    if (typeof value === "string" && value.length > 200) return show(`${value.slice(0, 60)}...`);
    if (ArrayBuffer.isView(value)) return `a view of ${counted(value.byteLength, "byte")}`;
    if (value instanceof ArrayBuffer) return `an ArrayBuffer of ${counted(value.byteLength, "byte")}`;
    if (Array.isArray(value) && value.length > 50) return `an array of ${value.length} elements`;
    if (typeof value === "bigint") return `${String(value).slice(0, 40)}n`;
  } catch {
    return "an object that cannot be read";
  }
  return show(value);
}

/** Whether the check holds. A proxy or getter that throws counts as no. */
function holds({ holds }: Check, value: unknown): boolean {
  try {
    return holds(value);
  } catch {
    return false;
  }
}

/** @throws PptError with `code`, INVALID_INPUT by default, unless `value` is as expected */
export function checkArgument(
  where: string,
  name: string,
  value: unknown,
  expected: Check,
  code: PptErrorCode = "INVALID_INPUT",
): void {
  if (!holds(expected, value))
    throw new PptError(code, `${where}: ${name} is ${found(value)}, expected ${expected.expected}`);
}

/** Requires a value whose fields can be read, unlike those of a proxy or getter that throws. @throws PptError with `code` */
export const requireReadable = (where: string, json: unknown, code: PptErrorCode): void =>
  checkArgument(where, "json", json, readable, code);

const readable = check("what JSON.parse() gives", (value) => {
  if (typeof value === "object" && value !== null) Object.values(value);
  return true;
});

/** A check for each option. TypeScript refuses a table that lacks one. */
export type Checks<Options> = { readonly [Name in keyof Required<Options>]: Check };

/** What `checkOptions` accepts and how it names what is wrong. */
export interface OptionRules {
  /** Options that must be given. Default: none. */
  readonly required?: readonly string[];
  /** Advice for option names of other libraries, such as "pass a backend that runs on it". */
  readonly misnamed?: Readonly<Record<string, string>>;
}

/**
 * The known options, each read once and checked. Unknown names are ignored, as JavaScript libraries usually do. But a name
 * that is nearly that of an option, or is listed in `misnamed`, is refused.
 * @throws PptError INVALID_OPTION, naming the option, what was found and what is expected; also if `options` is not an object
 */
export function checkOptions<Options extends object>(
  where: string,
  options: Options | undefined,
  checks: Checks<Options>,
  { required = [], misnamed = {} }: OptionRules = {},
): Options {
  const refuse = (what: string, cause?: unknown): never => {
    throw new PptError("INVALID_OPTION", `${where}: ${what}`, { cause });
  };
  const known: Record<string, unknown> = {};
  const names = Object.keys(checks);
  try {
    if (options !== undefined && !isObject(options)) refuse(`options are ${found(options)}, expected an object`);
    const given: Readonly<Record<string, unknown>> = { ...options };
    for (const name of names) {
      // The second lookup finds getters that a class defines, which the spread leaves out.
      const value = given[name] ?? (options as Record<string, unknown> | undefined)?.[name];
      if (value === undefined && !required.includes(name)) continue;
      checkArgument(where, name, value, checks[name as keyof Options], "INVALID_OPTION");
      known[name] = value;
    }
    for (const name of Object.keys(given)) {
      if (names.includes(name) || given[name] === undefined) continue;
      const advice = Object.hasOwn(misnamed, name) ? misnamed[name] : undefined;
      if (advice) refuse(`there is no option '${name}': ${advice}`);
      const meant = names.find((one) => isNearly(name, one));
      if (meant) refuse(`there is no option '${name}': write '${meant}'`);
    }
  } catch (cause) {
    if (cause instanceof PptError) throw cause;
    refuse(`options cannot be read (${cause instanceof Error ? cause.message : show(cause)})`, cause);
  }
  return known as Options;
}

/** Whether two names differ by case, separators, or one letter that is missing, added, changed or in the wrong place. */
function isNearly(name: string, known: string): boolean {
  const plain = (word: string) => word.replace(/[_-]/g, "").toLowerCase();
  const [a, b] = [plain(name), plain(known)];
  if (a === b) return true;
  // Too many words are near a short name.
  if (Math.min(a.length, b.length) < 4 || Math.abs(a.length - b.length) > 1) return false;
  let start = 0;
  while (start < a.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < Math.min(a.length, b.length) - start && a.at(-1 - end) === b.at(-1 - end)) end++;
  const [left, right] = [a.slice(start, a.length - end), b.slice(start, b.length - end)];
  return left.length <= 1 && right.length <= 1 ? true : left.length === 2 && left === [...right].reverse().join("");
}
