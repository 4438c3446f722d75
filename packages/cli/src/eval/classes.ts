/** Which of the model's classes a dataset means: by name, by index, or by an identifier that a file explains. */
import { PptError } from "@ppt-vit/core";

/** Capitals, underscores, hyphens and repeated blanks make no difference. */
const plain = (name: string): string =>
  name
    .normalize("NFC")
    .toLowerCase()
    .replaceAll(/[\s_-]+/g, " ")
    .trim();

/**
 * Classes by what they are called: their whole name, or one of several that commas part, as in ImageNet's
 * `tench, Tinca tinca`. A name of several classes stands for none of them.
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
  const shown = names.slice(0, 5).map((name) => JSON.stringify(name));
  return `${shown.join(", ")}${names.length > shown.length ? ` and ${names.length - shown.length} more` : ""}`;
};

/**
 * The class of each name. All names of a dataset are read in one way: as the identifiers of `identifiers` where it is
 * given, else as names of classes, else as indices.
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
      ? `${unknown.length} of ${names.length} labels match no class of the model: ${listed(unknown)}`
      : `${listed(ambiguous)}: the name of several classes of the model`;
  throw new PptError("INVALID_INPUT", `${problem}. ${advice(unknown, labels)}`);
}

function advice(unknown: readonly string[], labels: readonly string[]): string {
  if (unknown.some((name) => /^n\d{8}$/.test(name)))
    return "These are WordNet identifiers: give the file that explains them, as LOC_synset_mapping.txt does, with --classes";
  return `The model has ${labels.length} classes, 0 to ${labels.length - 1}: ${listed(labels)}. Use their names or indices, or explain other identifiers in a file given with --classes`;
}

/**
 * Reads a file of identifiers: lines `n01440764 tench, Tinca tinca`; or JSON, `{ "n01440764": 0 }` with an index or a name, or
 * `{ "0": ["n01440764", "tench"] }`. A line's class is the one that its name names; a name of several classes or of none
 * stands for the class of the line's number, where the file has a line for every class of the model.
 * @throws PptError INVALID_INPUT
 */
export function parseIdentifiers(content: string, where: string, labels: readonly string[]): Map<string, number> {
  const entries = content.trimStart().startsWith("{") ? entriesOfJson(content, where) : entriesOfLines(content);
  const named = classNames(labels);
  const identifiers = new Map<string, number>();
  for (const [place, { id, name, index }] of entries.entries()) {
    const complain = (problem: string): never => {
      throw new PptError("INVALID_INPUT", `${where}: ${JSON.stringify(id)}: ${problem}`);
    };
    if (identifiers.has(id)) complain("is listed twice");
    const candidates = name === undefined ? [] : named(name);
    const byPlace = index ?? (entries.length === labels.length ? place : undefined);
    if (byPlace !== undefined && !(Number.isInteger(byPlace) && byPlace >= 0 && byPlace < labels.length))
      complain(`class ${byPlace} does not exist: the model has ${labels.length}, from 0`);
    if (candidates.length === 1 && (index === undefined || index === candidates[0]))
      identifiers.set(id, candidates[0]!);
    else if (byPlace !== undefined && (candidates.length === 0 || candidates.includes(byPlace)))
      identifiers.set(id, byPlace);
    else if (name === undefined) complain("has no name and no index");
    else
      complain(`${JSON.stringify(name)} is not the name of one class of the model, or of another than its place says`);
  }
  return identifiers;
}

interface Identifier {
  readonly id: string;
  readonly name?: string;
  readonly index?: number;
}

function entriesOfLines(content: string): Identifier[] {
  return content
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .map((line) => {
      const [, id, name] = /^(\S+)\s*(.*)$/.exec(line)!;
      return { id: id!, ...(name && { name }) };
    });
}

function entriesOfJson(content: string, where: string): Identifier[] {
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(content) as Record<string, unknown>;
  } catch (cause) {
    throw new PptError("INVALID_INPUT", `${where}: ${(cause as Error).message}`, { cause });
  }
  return Object.entries(json).map(([key, value]) => {
    if (typeof value === "number") return { id: key, index: value };
    if (typeof value === "string") return { id: key, name: value };
    const [id, name] = Array.isArray(value) ? (value as unknown[]) : [];
    if (typeof id === "string" && /^\d+$/.test(key))
      return { id, index: Number(key), ...(typeof name === "string" && { name }) };
    throw new PptError(
      "INVALID_INPUT",
      `${where}: ${JSON.stringify(key)}: expected an index, a name, or an identifier and a name`,
    );
  });
}
