/** How many threads a backend has, and why not more. */
import { firstLineOf } from "@ppt-vit/core";
import { hardwareThreads, obstacleToThreads } from "./host.js";

/** Beyond four, hyper-threads share what the kernels need, and pages have other work. */
function usualThreads(): number {
  const hardware = hardwareThreads();
  return Math.max(1, Math.min(hardware, Math.max(4, Math.ceil(hardware / 2)), 8));
}

/** Parameters below this many bytes make runs so short that threads would take longer to start. */
const worthwhileBytes = 2 ** 20;

export class Threads {
  /** Whether the caller asked for this number. */
  readonly #isWanted: boolean;
  readonly #obstacle: string | undefined;
  #count: number;
  #reason: string | undefined;

  /**
   * @param wanted the number of threads; undefined for what suits the machine
   * @param obstacle why there can be one thread only, beside what the host says
   */
  constructor(wanted: number | undefined, obstacle: () => string | undefined) {
    this.#isWanted = wanted !== undefined;
    this.#count = wanted ?? usualThreads();
    if (this.#count > 1) this.#obstacle = obstacleToThreads() ?? obstacle();
    if (this.#obstacle !== undefined) this.#fall(this.#obstacle);
  }

  /** `2 threads`, or `1 thread (no shared memory)`. */
  toString(): string {
    if (this.#count > 1) return `${this.#count} threads`;
    return this.#reason === undefined ? "1 thread" : `1 thread (${this.#reason})`;
  }

  /** Why there is one thread although more were asked for, for people. */
  get notices(): readonly string[] {
    if (!this.#isWanted || this.#reason === undefined) return [];
    return [`backend 'wasm' computes on one thread: ${this.#reason}`];
  }

  /** How many threads beside the calling one a program with this many bytes of parameters should have. */
  othersFor(parameterBytes: number): number {
    return this.#isWanted || parameterBytes >= worthwhileBytes ? this.#count - 1 : 0;
  }

  /** Goes on with one thread, because the host gives no more. */
  refuse(error: unknown): void {
    this.#fall(`threads cannot be started: ${firstLineOf(error)}`);
  }

  /** Goes on with one thread, because others ended in mid-work. */
  lose(reason: string): void {
    this.#fall(reason);
  }

  #fall(reason: string): void {
    this.#count = 1;
    this.#reason ??= reason;
  }
}
