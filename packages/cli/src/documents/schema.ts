/** Building blocks for schemas of documents, and errors that name the file, the field, its value and what is expected. */
import { PptError } from "@ppt-vit/core";
import * as v from "valibot";
import { shown } from "../output/terminal.js";
import { cut, quoted } from "./quoted.js";

/** A text of at most `most` characters. */
export const text = (most: number) => {
  const expected = `a text of at most ${most} characters`;
  return v.pipe(v.string(expected), v.maxLength(most, expected));
};

/** A text of 1 to `most` characters. */
export const name = (most: number) => {
  const expected = `a text of 1 to ${most} characters`;
  return v.pipe(v.string(expected), v.minLength(1, expected), v.maxLength(most, expected));
};

export const whole = (least: number, most: number = Number.MAX_SAFE_INTEGER) => {
  const expected = `a whole number ${most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`}`;
  return v.pipe(v.number(expected), v.safeInteger(expected), v.minValue(least, expected), v.maxValue(most, expected));
};

const countable = "a number from 0 to 1e12";
/** A value that is summed up: small enough that sums of millions stay finite. */
export const amount = v.pipe(v.number(countable), v.minValue(0, countable), v.maxValue(1e12, countable));

const measured = "a number from 1e-12 to 1e+18";

/** A measured value: above 0, because others are divided by it, and small enough to be drawn. */
export const quantity = v.pipe(v.number(measured), v.minValue(1e-12, measured), v.maxValue(1e18, measured));

export const share = v.pipe(
  v.number("a number from 0 to 1"),
  v.minValue(0, "a number from 0 to 1"),
  v.maxValue(1, "a number from 0 to 1"),
);

export const flag = v.boolean("true or false");

/** A date as `Date.toISOString` writes it. */
export const date = v.pipe(
  v.string("a date as 2026-01-31T12:00:00.000Z"),
  v.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$/, "a date as 2026-01-31T12:00:00.000Z"),
  v.check((value) => !Number.isNaN(Date.parse(value)), "a date that exists"),
);

/** SHA-256 in hexadecimal digits. */
export const fingerprint = v.pipe(
  v.string("64 hexadecimal digits"),
  v.regex(/^[0-9a-f]{64}$/, "64 hexadecimal digits"),
);

export function list<Item extends v.GenericSchema>(item: Item, most: number, least = 0) {
  const expected = least > 0 ? `a list of ${least} to ${most}` : `a list of at most ${most}`;
  return v.pipe(v.array(item, expected), v.minLength(least, expected), v.maxLength(most, expected), v.readonly());
}

/** An object. Fields that `entries` does not name are dropped. */
export const record = <Entries extends v.ObjectEntries>(entries: Entries) =>
  v.pipe(v.object(entries, "an object"), v.readonly());

/** Package versions by package name. */
export const versions = v.pipe(
  v.record(name(200), text(200), "an object of versions"),
  v.maxEntries(200, "at most 200 versions"),
  v.readonly(),
);

/** Throws an error about one field of a document: its path, such as `pictures[3].rank`, and what is wrong with it. */
export type Complain = (path: string, problem: string) => never;

/** @param where the file, and the line if each line is a document of its own. @param advice the end of every message */
export const complainer =
  (where: string, advice = ""): Complain =>
  (path, problem) => {
    throw new PptError("INVALID_INPUT", `${where}: ${path === "" ? "" : `${shown(path)}: `}${problem}${advice}`);
  };

/** `value` as the schema reads it. @throws what `complain` throws, about the first field that does not fit */
export function checked<Schema extends v.GenericSchema>(
  schema: Schema,
  value: unknown,
  complain: Complain,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const [{ path = [], input, message, type }] = result.issues;
  const field = pathOf(path.map(({ key }) => key));
  // A part with its own parser: its message already says what it found.
  if (type === "raw_transform") return complain(field, cut(shown(message), 300));
  const missing = input === undefined && type === "object";
  return complain(field, missing ? "is missing" : `is ${quoted(input)}, expected ${message}`);
}

/** `a.b[3]["odd name"]`; a long name is cut. */
const pathOf = (keys: readonly unknown[]): string =>
  keys
    .map((key) => {
      if (typeof key === "number") return `[${key}]`;
      return /^[A-Za-z_]\w{0,79}$/.test(String(key)) ? `.${key}` : `[${quoted(String(key))}]`;
    })
    .join("")
    .replace(/^\./, "");
