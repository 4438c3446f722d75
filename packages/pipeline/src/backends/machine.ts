/** The machine that the automatic choice runs on, as far as only code for Node or for browsers can tell. Each entry sets it. */
import type { SelectionCache } from "./kept-checks.js";

export interface Machine {
  /** Whatever may change how a backend computes: the versions of Node or the browser, and the processor. */
  readonly facts: string;
  /** In Node, as packages name the systems that they have compiled code for: `linux-x64`. */
  system?(): string;
  /** Keeps results of checks from one process or page to the next. */
  readonly store: SelectionCache;
}

/** Nothing is kept until an entry says where. */
const unknown: Machine = { facts: "", store: { getItem: () => null, setItem: () => {} } };

let current: () => Machine = () => unknown;

/** Called once by the entry of each platform. `open` is called when the machine is first asked for. */
export function setMachine(open: () => Machine): void {
  let opened: Machine | undefined;
  current = () => {
    opened ??= open();
    return opened;
  };
}

export const thisMachine = (): Machine => current();
