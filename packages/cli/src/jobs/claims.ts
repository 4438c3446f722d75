/**
 * Claims: which worker computes which part. A claim is a file that appears and disappears at once (`link`, `rename`), also on network
 * file systems. Its owner keeps it fresh. A worker that has seen a claim unchanged for a whole lease, by its own clock, takes it over:
 * clocks of different machines are never compared.
 */
import { closeSync, fstatSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { PptError } from "@ppt-vit/core";
import { codeOf, writeError } from "../files/errors.js";
import { contentOf, type Holder, hasEnded, linked, parseHolder, thisHolder } from "../files/holder.js";
import { type Beat, beatMemory, withBeat } from "./beat.js";

export interface Claim {
  /** Differs from claim to claim. */
  readonly token: string;
  /** Whether another worker has taken it over, or somebody removed it. */
  isLost(): boolean;
  /** @throws PptError WRITE_FAILED if it is lost */
  require(): void;
  release(): void;
}

export interface Claims {
  /** The claim, or who else holds it. The holder is unknown while a claim is being written. */
  take(path: string): Claim | { readonly holder: Holder | undefined };
  close(): void;
}

export const isClaim = (taken: ReturnType<Claims["take"]>): taken is Claim => "release" in taken;

/** @param leaseMs how long an unchanged claim of a worker elsewhere is believed */
export function openClaims(leaseMs: number): Claims {
  const beat: Beat = { memory: beatMemory(), everyMs: Math.max(50, leaseMs / 5) };
  let thread: Worker | undefined;
  /** For each claim of others: what it looked like, and since when. */
  const seen = new Map<string, { readonly mark: string; readonly since: number }>();

  /** Whether the owner has ended, or was silent for a lease. */
  function isDead(path: string, { content, mark }: Look): boolean {
    const holder = parseHolder(content);
    if (holder && hasEnded(holder)) return true;
    const known = seen.get(path);
    if (known?.mark === mark) return performance.now() - known.since >= leaseMs;
    seen.set(path, { mark, since: performance.now() });
    return false;
  }

  function own(path: string, holder: Holder, content: string): Claim {
    const file = openSync(path, "r+");
    thread ??= startHeartbeat(beat);
    withBeat(beat.memory, (state) => {
      state[1] = file;
    });
    const isOwn = () => contentOf(path) === content;
    return {
      token: holder.token,
      isLost: () => !isOwn(),
      require() {
        if (!isOwn())
          throw new PptError(
            "WRITE_FAILED",
            `${path}: this worker was silent for too long, or somebody removed its claim`,
          );
      },
      release() {
        withBeat(beat.memory, (state) => {
          state[1] = -1;
        });
        closeSync(file);
        if (isOwn()) rmSync(path, { force: true });
      },
    };
  }

  return {
    take(path) {
      const holder = thisHolder();
      const content = `${JSON.stringify(holder)}\n`;
      // Written under another name first, so that nobody reads an incomplete claim.
      const draft = `${path}.${holder.token}.draft`;
      try {
        writeFileSync(draft, content, { flag: "wx" });
        for (;;) {
          if (linked(draft, path)) return own(path, holder, content);
          const found = lookAt(path);
          if (!found) continue;
          if (!isDead(path, found)) return { holder: parseHolder(found.content) };
          moveAway(path, found.content, `${draft}.old`);
        }
      } catch (cause) {
        throw writeError(path, cause);
      } finally {
        rmSync(draft, { force: true });
      }
    },
    close: () => void thread?.terminate(),
  };
}

function startHeartbeat(workerData: Beat): Worker {
  const thread = new Worker(new URL("./heartbeat.js", import.meta.url), { workerData });
  thread.unref();
  return thread;
}

/** A claim as it was seen. */
interface Look {
  readonly content: string;
  /** Changes when its owner keeps it fresh. */
  readonly mark: string;
}

/** Opened for each look, because network file systems then ask the server. */
function lookAt(path: string): Look | undefined {
  try {
    const file = openSync(path, "r");
    try {
      const { ino, mtimeNs } = fstatSync(file, { bigint: true });
      const content = contentOf(path);
      return content === undefined ? undefined : { content, mark: `${ino} ${mtimeNs} ${content}` };
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Removes a claim, unless it has changed meanwhile: then it is put back. */
function moveAway(path: string, content: string, aside: string): void {
  try {
    renameSync(path, aside);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return;
    throw error;
  }
  if (contentOf(aside) !== content) linked(aside, path);
  rmSync(aside, { force: true });
}
