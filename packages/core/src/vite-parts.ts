/**
 * Code that is loaded on demand in a build by Vite. Vite's workers are single scripts by default, which cannot hold an
 * `import()` of their own; but what Vite finds in `new SharedWorker(new URL(...))` it bundles as one more script. Such a script,
 * a part, is run here in the same thread.
 */

declare global {
  interface ImportMeta {
    /** Put in by Vite, webpack and Turbopack, and absent where there is no bundler. */
    readonly env?: { readonly SSR?: boolean; readonly MODE?: string };
  }
}

interface Process {
  readonly process?: { readonly env?: { readonly NODE_ENV?: string } };
}

/**
 * Constant in a build by Vite for browsers, so that the other branch and its `import()` are left out. Other bundlers have
 * `import.meta.env` too, but Vite's builds alone replace `globalThis.process.env`, which no browser has. Vitest runs in Node,
 * where it exists, in mode `test`.
 */
export const inViteBuild: boolean =
  import.meta.env?.SSR === false &&
  import.meta.env?.MODE !== "test" &&
  (globalThis as Process).process?.env?.NODE_ENV !== undefined;

/** Stands for `SharedWorker` in the text that Vite looks for, and starts nothing. */
export type ViteWorker = new (address: URL, options: { type: "module" }) => { readonly address: URL };

/** How a package writes down where a part of its own lies. */
export type VitePart = (SharedWorker: ViteWorker) => { readonly address: URL };

class PartAddress {
  constructor(readonly address: URL) {}
}

const parts = Symbol.for("ppt-vit.parts");
interface Parts {
  [parts]?: { readonly offered: Readonly<Record<string, unknown>>; readonly folder?: URL };
}
const scope = globalThis as Parts & { readonly document?: unknown };

/** Called by the part `name`. */
export function offerPart(name: string, value: object): void {
  const { offered, ...rest } = scope[parts] ?? { offered: {} };
  scope[parts] = { ...rest, offered: { ...offered, [name]: value } };
}

/** Runs the part `name` unless it has run, and gives what it offers. @throws what its script throws */
export async function runPart<Value extends object>(name: string, part: VitePart): Promise<Value> {
  const address = partAddress(part(PartAddress).address.href);
  scope[parts] = { offered: {}, ...scope[parts], folder: new URL(".", address) };
  await import(/* @vite-ignore */ /* webpackIgnore: true */ /* turbopackIgnore: true */ address.href);
  return scope[parts]?.offered[name] as Value;
}

/**
 * Where a file lies that a part names. In a build with relative addresses a part takes them as its worker's, whose script
 * lies in the same folder; in a page they come out in the page's folder instead of that of the parts.
 */
export function partAddress(named: string): URL {
  const address = new URL(named, location.href);
  const folder = scope[parts]?.folder;
  const fromPage = scope.document !== undefined && new URL(".", address).href === new URL(".", location.href).href;
  return folder && fromPage ? new URL(address.href.slice(address.href.lastIndexOf("/") + 1), folder) : address;
}
