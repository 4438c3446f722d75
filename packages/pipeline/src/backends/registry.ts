/** The backends that can be asked for by name: those of known packages, and those that an application registers. */
import {
  type Backend,
  type BackendDescription,
  type BackendDescriptor,
  isPptError,
  PptError,
  reasonOf,
} from "@ppt-vit/core";
import { NotInstalled, packagesOn } from "@ppt-vit/core/backend";
import {
  backendCheck,
  type Check,
  type Checks,
  callback,
  check,
  checkArgument,
  checkOptions,
  object,
  oneOf,
  text,
} from "@ppt-vit/core/options";
import { quoted } from "../text/quoted.js";
import { knownPackages } from "./packages/known.js";
import type { BackendPackage } from "./packages/package.js";
import { platformKind } from "./platform-kind.js";

/** Asks for the best backend. No backend can have this name. */
export const automatic = "auto";

const known: BackendDescriptor[] = /* @__PURE__ */ knownPackages.flatMap((backendPackage) =>
  backendPackage.devices.map((description) => ({ ...description, open: () => openFrom(backendPackage, description) })),
);
const names: string[] = /* @__PURE__ */ known.map(({ name }) => name);
const find = (name: string) => known.find((one) => one.name === name);

/** Names that `createBackend` knows. Each `registerBackend` adds one at the end. */
export const backendNames: readonly string[] = names;

/** Describes every backend that has a name, in the order of `backendNames`. Loads no backend. */
export const describeBackends = (): BackendDescription[] => known.map(({ open: _, ...facts }) => facts);

export const descriptionOf = (name: string): BackendDescription | undefined => find(name);

const platforms = ["node", "browser"];
const isPlatforms = (value: unknown): boolean =>
  Array.isArray(value) && value.length > 0 && Array.from(value).every((one) => platforms.includes(one as string));
const isRank = (value: unknown): boolean =>
  object.holds(value) &&
  Object.entries(value as object).every(([platform, rank]) => platforms.includes(platform) && Number.isFinite(rank));
const isTexts = (value: unknown): boolean =>
  Array.isArray(value) && Array.from(value).every((one) => typeof one === "string");

const nameCheck: Check = check(
  `a text that is not empty and not '${automatic}'`,
  (value) => typeof value === "string" && value !== "" && value !== automatic,
);
const descriptorChecks: Checks<BackendDescriptor> = {
  name: nameCheck,
  title: text,
  open: callback,
  runsIn: check("an array of 'node' and 'browser'", isPlatforms),
  packages: check(
    "an array of names of npm packages, or one for each of { node, browser }",
    (value) =>
      isTexts(value) ||
      (object.holds(value) &&
        Object.entries(value as object).every(([platform, names]) => platforms.includes(platform) && isTexts(names))),
  ),
  needs: oneOf(["webassembly", "webgpu", "webgl"]),
  rank: check("an object of numbers { node, browser }", isRank),
  imagesPerSecond: check("an object of numbers { node, browser }", isRank),
  binaries: check("an array of systems, such as 'linux-x64'", isTexts),
};
const misnamed = { create: "write 'open'", priority: "write rank: { node, browser }" };

/**
 * Makes a backend known by its name to `createBackend`, `fromPretrained({ backend })` and `selectBackend`. The last considers it
 * on the platforms for which it has a rank.
 * @throws PptError INVALID_OPTION for a field that is not what it must be, and for a name that is taken
 */
export function registerBackend(descriptor: BackendDescriptor): void {
  const required = ["name", "open"];
  const checked = checkOptions("registerBackend", descriptor, descriptorChecks, { required, misnamed });
  const { name } = checked;
  if (find(name))
    throw new PptError("INVALID_OPTION", `registerBackend: there is a backend '${name}' already: choose another name`);
  known.push({
    ...checked,
    open: () => openChecked(name, () => descriptor.open()),
  });
  names.push(name);
}

/**
 * Opens a backend that an application describes.
 * @throws PptError what the backend itself throws, BACKEND_UNAVAILABLE for its other errors; INVALID_OPTION for what is no
 * backend
 */
export async function openChecked(name: string, open: () => Promise<Backend>): Promise<Backend> {
  let backend: Backend;
  try {
    backend = await open();
  } catch (cause) {
    if (isPptError(cause)) throw cause;
    throw new PptError("BACKEND_UNAVAILABLE", `backend '${name}' cannot be opened: ${reasonOf(cause)}`, { cause });
  }
  checkArgument(`backend '${name}'`, "what open() gave", backend, backendCheck, "INVALID_OPTION");
  return backend;
}

const anyName = check("the name of a backend", (value) => typeof value === "string");

/** @throws PptError UNKNOWN_BACKEND, or BACKEND_UNAVAILABLE where its package is not installed. */
export async function openNamed(name: string): Promise<Backend> {
  checkArgument("createBackend", "name", name, anyName, "UNKNOWN_BACKEND");
  const descriptor = find(name);
  if (!descriptor)
    throw new PptError(
      "UNKNOWN_BACKEND",
      `unknown backend ${quoted(name)}; available: ${backendNames.join(", ") || "none, give one to registerBackend() or serveClassifiers({ backends })"}`,
    );
  return descriptor.open();
}

async function openFrom(backendPackage: BackendPackage, description: BackendDescription): Promise<Backend> {
  const { name, runsIn } = description;
  const { name: packageName } = backendPackage;
  const { backends } = await backendPackage.load().catch((error: unknown) => {
    if (!(error instanceof NotInstalled)) throw error;
    const platform = platformKind();
    if (runsIn?.includes(platform) === false)
      throw new PptError(
        "BACKEND_UNAVAILABLE",
        `backend '${name}' does not run in ${platform === "node" ? "Node" : "browsers"}: choose another one`,
        { cause: error },
      );
    const missing = [packageName, ...packagesOn(platform, description)].join(" ");
    throw new PptError("BACKEND_UNAVAILABLE", `backend '${name}' is not installed: npm install ${missing}`, {
      cause: error,
    });
  });
  const descriptor = backends.find((one) => one.name === name);
  if (descriptor) return descriptor.open();
  throw new PptError(
    "BACKEND_UNAVAILABLE",
    `the installed ${packageName} has no backend '${name}': npm install ${packageName}@latest`,
  );
}
