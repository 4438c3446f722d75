/**
 * Remembers which backends were checked on this machine. A check compiles and runs a small model, which costs as much as opening
 * the backend. The key holds everything that may change the result, and old results are dropped (docs/decisions/0017-automatic-choice.md).
 */
import type { QuantizedDtypeName } from "@ppt-vit/core";
import { version } from "../../package.json";
import type { Platform } from "./platform.js";

/** A store of texts, such as `localStorage`. */
export interface SelectionCache {
  getItem(key: string): string | null | Promise<string | null>;
  setItem(key: string, value: string): void | Promise<void>;
}

/** The result of a check. */
export interface KeptCheck {
  readonly works: boolean;
  /** How far the backend's logits are from the recorded ones, in words. */
  readonly found: string;
  /** When it was checked, in milliseconds since 1970. */
  readonly at: number;
}

export interface KeptChecks {
  /** The result for this version of the backend and for these weights, unless it is too old. */
  find(name: string, runtime: string, weights?: QuantizedDtypeName): Promise<KeptCheck | undefined>;
  keep(
    name: string,
    runtime: string,
    check: Pick<KeptCheck, "works" | "found">,
    weights?: QuantizedDtypeName,
  ): Promise<void>;
}

const dayMs = 24 * 60 * 60 * 1000;
/** Drivers change without a version that could be read. A backend that was wrong gets another chance sooner. */
const longestMs = { works: 7 * dayMs, failed: dayMs };

/** Results in `store`. A store that fails, or that holds something else, is as good as an empty one. */
export function keptChecks(
  store: SelectionCache,
  { kind, crossOriginIsolated, webgpu, webgl }: Platform,
  facts: string,
  now: () => number = Date.now,
): KeptChecks {
  const keyOf = (name: string, runtime: string, weights: QuantizedDtypeName | undefined) => {
    const facets = [name, runtime, version, facts, kind, crossOriginIsolated, webgpu, webgl];
    return `ppt-vit.check:${JSON.stringify(weights ? [...facets, weights] : facets)}`;
  };
  return {
    async find(name, runtime, weights) {
      try {
        const check = parseCheck(await store.getItem(keyOf(name, runtime, weights)));
        const age = check && now() - check.at;
        // A clock that was set back would keep a result for ever.
        return check && age! >= 0 && age! < longestMs[check.works ? "works" : "failed"] ? check : undefined;
      } catch {
        return undefined;
      }
    },
    async keep(name, runtime, { works, found }, weights) {
      try {
        await store.setItem(
          keyOf(name, runtime, weights),
          JSON.stringify({ works, found, at: now() } satisfies KeptCheck),
        );
      } catch {
        // The next process or page checks again.
      }
    },
  };
}

function parseCheck(text: string | null): KeptCheck | undefined {
  const { works, found, at } = (text === null ? {} : (JSON.parse(text) ?? {})) as Record<string, unknown>;
  if (typeof works !== "boolean" || typeof found !== "string" || !Number.isFinite(at)) return undefined;
  return { works, found: found.slice(0, 1000), at: at as number };
}

/** `store` behind a copy in memory: a process or page reads each key once, and needs no store to remember. */
export function inMemoryToo(store: SelectionCache): SelectionCache {
  const memory = new Map<string, string>();
  return {
    async getItem(key) {
      const known = memory.get(key) ?? (await store.getItem(key));
      if (known !== null) memory.set(key, known);
      return known;
    },
    async setItem(key, value) {
      memory.set(key, value);
      await store.setItem(key, value);
    },
  };
}
