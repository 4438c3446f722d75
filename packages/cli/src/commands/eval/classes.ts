/** Matches the labels of a dataset with the model's classes: by name, by index, or by identifiers that a file explains. */

import { PptError } from "@ppt-vit/core";
import { counted } from "@ppt-vit/core/options";
import * as v from "valibot";
import { parseJson } from "../../documents/json.js";
import { quoted } from "../../documents/quoted.js";
import { checked, complainer, name, record, whole } from "../../documents/schema.js";

/** A name for comparison: case, underscores, hyphens and repeated blanks make no difference. */
const plain = (name: string): string =>
  name
    .normalize("NFC")
    .toLowerCase()
    .replaceAll(/[\s_-]+/g, " ")
    .trim();

/**
 * Looks classes up by name: by their whole name, or by one of the names between commas, as in ImageNet's `tench, Tinca tinca`.
 * Gives all classes that have the name.
 */
function classNames(labels: readonly string[]): (name: string) => number[] {
  const whole = new Map<string, Set<number>>();
  const parts = new Map<string, Set<number>>();
  const add = (to: Map<string, Set<number>>, name: string, index: number) =>
    to.set(plain(name), (to.get(plain(name)) ?? new Set()).add(index));
  for (const [index, label] of labels.entries()) {
    add(whole, label, index);
    for (const part of label.split(",")) add(parts, part, index);
  }
  return (name) => [...(whole.get(plain(name)) ?? parts.get(plain(name)) ?? [])];
}

const listed = (names: readonly string[]): string => {
  const shown = names.slice(0, 5).map(quoted);
  return `${shown.join(", ")}${names.length > shown.length ? ` and ${names.length - shown.length} more` : ""}`;
};

/**
 * The class of each name. All names of a dataset are read in the same way: as keys of `identifiers` if it is given; else as
 * names of classes; else as indices.
 * @throws PptError INVALID_INPUT that lists the names that match no class
 */
export function matchClasses(
  names: readonly string[],
  labels: readonly string[],
  identifiers?: ReadonlyMap<string, number>,
): Map<string, number> {
  if (identifiers) {
    const unknown = names.filter((name) => !identifiers.has(name));
    if (unknown.length === 0) return new Map(names.map((name) => [name, identifiers.get(name)!]));
    throw new PptError(
      "INVALID_INPUT",
      `${listed(unknown)}: not in the classes file, which has ${identifiers.size} identifiers`,
    );
  }
  const named = classNames(labels);
  const found = names.map((name) => [name, named(name)] as const);
  if (found.every(([, classes]) => classes.length === 1))
    return new Map(found.map(([name, [index]]) => [name, index!]));
  const isIndex = (name: string) => /^\d+$/.test(name) && Number(name) < labels.length;
  if (names.every(isIndex)) return new Map(names.map((name) => [name, Number(name)]));

  const unknown = found.filter(([, classes]) => classes.length === 0).map(([name]) => name);
  const ambiguous = found.filter(([, classes]) => classes.length > 1).map(([name]) => name);
  const problem =
    unknown.length > 0
      ? `${unknown.length} of ${counted(names.length, "label matches", "labels match")} no class of the model: ${listed(unknown)}`
      : `${listed(ambiguous)}: the name of several classes of the model`;
  throw new PptError("INVALID_INPUT", `${problem}. ${advice(unknown, labels)}`);
}

function advice(unknown: readonly string[], labels: readonly string[]): string {
  if (unknown.some((name) => /^n\d{8}$/.test(name)))
    return "These are WordNet identifiers: give the file that explains them, as LOC_synset_mapping.txt does, with --classes";
  return `The model has ${counted(labels.length, "class", "classes")}, 0 to ${labels.length - 1}: ${listed(labels)}. Use their names or indices, or explain other identifiers in a file given with --classes`;
}

const identifierSchema = record({
  id: name(1000),
  name: v.exactOptional(name(10_000)),
  index: v.exactOptional(whole(0)),
});
type Identifier = v.InferOutput<typeof identifierSchema>;

/**
 * Reads a file of identifiers. It has lines such as `n01440764 tench, Tinca tinca`, or it is JSON: `{ "n01440764": 0 }` with an
 * index or a name, or `{ "0": ["n01440764", "tench"] }`. The name of a line says its class. If no class or several have that
 * name, and the file has a line for every class of the model, the line's number says it.
 * @param content without a byte order mark; JSON if `where` ends in .json or the content starts with a brace
 * @throws PptError INVALID_INPUT
 */
export function parseIdentifiers(content: string, where: string, labels: readonly string[]): Map<string, number> {
  const isJson = /\.json$/i.test(where) || content.trimStart().startsWith("{");
  const entries = isJson ? entriesOfJson(content, where) : entriesOfLines(content, where);
  const named = classNames(labels);
  const identifiers = new Map<string, number>();
  for (const [place, { id, name, index }] of entries.entries()) {
    const complain = (problem: string): never => {
      throw new PptError("INVALID_INPUT", `${where}: ${quoted(id)}: ${problem}`);
    };
    if (identifiers.has(id)) complain("is listed twice");
    const candidates = name === undefined ? [] : named(name);
    const byPlace = index ?? (entries.length === labels.length ? place : undefined);
    if (byPlace !== undefined && byPlace >= labels.length)
      complain(`class ${byPlace} does not exist: the model has ${labels.length}, from 0`);
    if (candidates.length === 1 && (index === undefined || index === candidates[0]))
      identifiers.set(id, candidates[0]!);
    else if (byPlace !== undefined && (candidates.length === 0 || candidates.includes(byPlace)))
      identifiers.set(id, byPlace);
    else if (name === undefined) complain("has no name and no index");
    else complain(`${quoted(name)} is not the name of one class of the model, or of another than its place says`);
  }
  return identifiers;
}

function entriesOfLines(content: string, where: string): Identifier[] {
  return content.split(/\r?\n/).flatMap((line, i) => {
    const found = /^(\S+)\s*(.*)$/.exec(line.trim());
    if (!found) return [];
    const [, id, name] = found;
    return [checked(identifierSchema, { id, ...(name && { name }) }, complainer(`${where}: line ${i + 1}`))];
  });
}

function entriesOfJson(content: string, where: string): Identifier[] {
  const json = parseJson(content, where);
  const complain = complainer(where);
  if (typeof json !== "object" || json === null || Array.isArray(json))
    return complain("", `is ${quoted(json)}, expected an object of identifiers`);
  return Object.entries(json).map(([key, value]) => {
    const about = complainer(`${where}: ${quoted(key)}`);
    if (typeof value === "number") return checked(identifierSchema, { id: key, index: value }, about);
    if (typeof value === "string") return checked(identifierSchema, { id: key, name: value }, about);
    const [id, name] = Array.isArray(value) ? (value as unknown[]) : [];
    if (typeof id === "string" && /^\d+$/.test(key))
      return checked(identifierSchema, { id, index: Number(key), ...(name !== undefined && { name }) }, about);
    return about("", `is ${quoted(value)}, expected an index, a name, or an identifier and a name`);
  });
}
