/**
 * Claims: which worker computes which part. A claim is a file that appears and disappears at once (`link`, `rename`), also on network
 * file systems. Its owner keeps it fresh. A worker that has seen a claim unchanged for a whole lease, by its own clock, takes it over:
 * clocks of different machines are never compared.
 */
import { closeSync, fstatSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { PptError } from "@ppt-vit/core";
import { codeOf, writeError } from "../files/errors.js";
import { contentOf, type Holder, hasEnded, isOfThisMachine, linked, parseHolder, thisHolder } from "../files/holder.js";
import type { Pulse } from "./pulse.js";

export interface Claim {
  /** Differs from claim to claim. */
  readonly token: string;
  /** Whether another worker has taken it over, or somebody removed it. */
  isLost(): boolean;
  /** @throws PptError WRITE_FAILED if it is lost */
  require(): void;
  release(): void;
}

/** The claim of another worker. */
export interface Foreign {
  /** Unknown while it is being written. */
  readonly holder: Holder | undefined;
  /** Whether the worker was seen to run. If not, it may still do so elsewhere. */
  readonly runs: boolean;
}

export interface Claims {
  take(path: string): Claim | Foreign;
}

export const isClaim = (taken: ReturnType<Claims["take"]>): taken is Claim => "release" in taken;

/** @param leaseMs how long an unchanged claim of a worker elsewhere is believed */
export function openClaims(leaseMs: number, pulse: Pulse, now = () => performance.now()): Claims {
  /** For each claim of others: what it looked like, and since when. */
  const seen = new Map<string, Look & { readonly since: number }>();

  /** "ended" also if the owner was silent for a lease; "unknown" if it may run elsewhere. */
  function stateOf(path: string, look: Look): "ended" | "runs" | "unknown" {
    const holder = parseHolder(look.content);
    // Two machines may have one name, and number their processes alike.
    if (holder && isOfThisMachine(holder)) return hasEnded(holder) ? "ended" : "runs";
    const known = seen.get(path);
    if (known?.mark === look.mark) return now() - known.since >= leaseMs ? "ended" : "unknown";
    seen.set(path, { ...look, since: now() });
    return known?.content === look.content ? "runs" : "unknown";
  }

  function own(path: string, holder: Holder, content: string): Claim {
    const file = openSync(path, "r+");
    pulse.hold(file);
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
        pulse.drop();
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
          const state = stateOf(path, found);
          if (state !== "ended") return { holder: parseHolder(found.content), runs: state === "runs" };
          moveAway(path, found.content, `${draft}.old`);
        }
      } catch (cause) {
        throw writeError(path, cause);
      } finally {
        rmSync(draft, { force: true });
      }
    },
  };
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
