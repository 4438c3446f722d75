/**
 * Code that a Vite build loads on demand, also in workers. By default Vite builds a worker as one script, in which `import()`
 * of another chunk is impossible. But Vite bundles every script named in `new SharedWorker(new URL(...))` on its own. Such a
 * script is called a part here. It runs in the same thread.
 */

/** What Vite, webpack and Turbopack provide. It is not declared globally, because `vite/client` declares it in another way. */
interface BundledMeta {
  readonly env?: { readonly SSR?: boolean; readonly MODE?: string };
}

interface Process {
  readonly process?: { readonly env?: { readonly NODE_ENV?: string } };
}

/**
 * True in a Vite build for browsers. Vite makes it a constant, so the other branch and its `import()` are left out. Other
 * bundlers provide `import.meta.env` too, but only Vite's builds replace `globalThis.process.env`, which browsers lack.
 * Vitest runs in Node, which has `process.env`, so mode `test` is excluded.
 */
export const inViteBuild: boolean =
  (import.meta as BundledMeta).env?.SSR === false &&
  (import.meta as BundledMeta).env?.MODE !== "test" &&
  (globalThis as Process).process?.env?.NODE_ENV !== undefined;

/** Stands in for `SharedWorker` in the text that Vite looks for. It starts no worker. */
export type ViteWorker = new (address: PartUrl, options: { type: "module" }) => { readonly address: PartUrl };

/** A `URL`. Declarations do not name that type, because not every platform's library has it. */
interface PartUrl {
  readonly href: string;
}

/**
 * A function in which a package names the script of one of its parts. Other bundlers than Vite follow
 * `new URL("...", import.meta.url)`, too, unless `URL` is a parameter. A comment for them inside would hide the text from Vite 8.
 */
export type VitePart = (
  SharedWorker: ViteWorker,
  URL: new (file: string, base: string) => PartUrl,
) => { readonly address: PartUrl };

class PartAddress {
  constructor(readonly address: PartUrl) {}
}

const parts = Symbol.for("ppt-vit.parts");
interface Parts {
  [parts]?: { readonly offered: Readonly<Record<string, unknown>>; readonly folder?: URL };
}
const scope = globalThis as Parts & { readonly document?: unknown };

/** Offers `value` as the content of the part `name`. The part's script calls this. */
export function offerPart(name: string, value: object): void {
  const { offered, ...rest } = scope[parts] ?? { offered: {} };
  scope[parts] = { ...rest, offered: { ...offered, [name]: value } };
}

/** Runs the part `name` unless it has already run, and returns what it offers. @throws what its script throws */
export async function runPart<Value extends object>(name: string, part: VitePart): Promise<Value> {
  const address = partAddress(part(PartAddress, URL).address.href);
  scope[parts] = { offered: {}, ...scope[parts], folder: new URL(".", address) };
  await import(/* @vite-ignore */ /* webpackIgnore: true */ /* turbopackIgnore: true */ address);
  return scope[parts]?.offered[name] as Value;
}

/**
 * The address of a file that a part names. In a build with relative addresses, Vite resolves them against the address of the
 * running script's worker or page. A worker's script lies in the folder of the parts. A page does not, so the folder of the
 * parts is put in here.
 */
export function partAddress(named: string): string {
  const address = new URL(named, location.href);
  const folder = scope[parts]?.folder;
  const fromPage = scope.document !== undefined && new URL(".", address).href === new URL(".", location.href).href;
  return (folder && fromPage ? new URL(address.href.slice(address.href.lastIndexOf("/") + 1), folder) : address).href;
}
