/** Threads that share the calls of kernels with the calling thread, and sleep between runs. */
import { PptError } from "@ppt-vit/core";
import { type HostThread, maySleep, startThread } from "./host-threads.js";
import { callBack, controlBytes, controlOf, type Job, offer, words, work } from "./jobs.js";
import { importsOf, type Kernels } from "./kernels.js";
import { sharedKernels } from "./split.js";

/** The longest time in ms that threads may take to start. */
const startMs = 10_000;
/** How long the calling thread waits at full speed for the last chunks, and how long each sleep after that is, in ms. */
const [wakefulMs, sliceMs] = [0.2, 50];
/** Sleeps after which a thread that has not finished its chunk is given up. A suspended machine counts as one sleep. */
const mostSlices = 200;

interface Answer {
  readonly number: number;
  readonly problem?: string;
}

interface Request {
  left: number;
  resolve(): void;
  reject(error: Error): void;
}

/** They are told why the pool ends by itself. */
export interface PoolListeners {
  /** No thread has worked yet. */
  refused(reason: string): void;
  lost(reason: string): void;
}

export class ThreadPool {
  readonly #buffer = new SharedArrayBuffer(controlBytes);
  readonly #control = controlOf(this.#buffer);
  readonly #sleeps = maySleep();
  readonly #threads: HostThread[] = [];
  readonly #requests = new Map<number, Request>();
  readonly #listeners: PoolListeners;
  #answered = false;
  #numbers = 0;
  #ended: Promise<void> | undefined;
  #stuck: string | undefined;

  /**
   * @param count of threads beside the calling one
   * @throws what the host says against threads
   */
  constructor(count: number, listeners: PoolListeners) {
    this.#listeners = listeners;
    try {
      for (let i = 0; i < count; i++)
        this.#threads.push(
          startThread({
            message: (message) => this.#receive(message as Answer),
            ended: (reason) => this.#breakDown(reason),
          }),
        );
    } catch (error) {
      void this.end();
      throw error;
    }
  }

  /** With the calling thread. */
  get size(): number {
    return this.#threads.length + 1;
  }

  get isUsable(): boolean {
    return this.#ended === undefined;
  }

  /** Why the memories of this pool cannot be used any more: a thread that was given up may still write there. */
  get stuck(): string | undefined {
    return this.#stuck;
  }

  /** Gives the kernels over one more shared memory to all threads. Resolves with its number. */
  async attach(module: WebAssembly.Module, memory: WebAssembly.Memory): Promise<number> {
    const number = ++this.#numbers;
    const names = sharedKernels;
    await this.#ask(number, (thread) => ({
      kind: "attach",
      memory: number,
      module,
      names,
      imports: importsOf(memory, thread),
    }));
    return number;
  }

  /**
   * Computes the job on all threads, and returns when it is done.
   * @throws PptError DEVICE_LOST if a thread ends, or does not finish its part
   */
  run(memory: number, job: Job, kernels: Kernels): void {
    const { words: shared } = this.#control;
    const kernel = kernels[sharedKernels[job.kernel]!] as (...given: number[]) => void;
    offer(this.#control, memory, job);
    work(this.#control, job, kernel, 0, Atomics.load(shared, words.ticket));
    this.#awaitChunks(job.chunks);
    if (Atomics.exchange(shared, words.failed, 0) === 1) throw this.#lose("a kernel failed in a thread");
  }

  /** Ends all threads. A second call does nothing. */
  end(): Promise<void> {
    this.#ended ??= this.#endThreads();
    return this.#ended;
  }

  async #endThreads(): Promise<void> {
    // Before anything else happens, the pool must count as ended: Deno tells at once that a thread has ended.
    await undefined;
    // Chromium ends a thread that sleeps two seconds later than one that waits for messages.
    callBack(this.#control);
    for (const { reject } of this.#requests.values()) reject(new Error("the threads were ended"));
    await Promise.all(this.#threads.map((thread) => thread.end()));
  }

  async #ask(number: number, messageFor: (thread: number) => object): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#requests.set(number, { left: this.#threads.length, resolve, reject });
        timer = setTimeout(() => reject(new Error(`no answer within ${startMs / 1000} s`)), startMs);
        callBack(this.#control);
        this.#threads.forEach((thread, i) => {
          thread.keepProcess(true);
          thread.send({ ...messageFor(i + 1), number, thread: i + 1, control: this.#buffer });
        });
      });
    } finally {
      clearTimeout(timer);
      this.#requests.delete(number);
      // Threads that end keep the process until they have ended.
      if (this.#requests.size === 0 && this.isUsable) for (const thread of this.#threads) thread.keepProcess(false);
    }
  }

  #receive({ number, problem }: Answer): void {
    const request = this.#requests.get(number);
    if (!request) return;
    if (problem !== undefined) request.reject(new Error(problem));
    else if (--request.left === 0) {
      this.#answered = true;
      request.resolve();
    }
  }

  #awaitChunks(chunks: number): void {
    const { words: shared } = this.#control;
    const since = performance.now();
    let sliceSince = since;
    let slices = 0;
    let doneBefore = -1;
    for (;;) {
      for (let i = 0; i < 1000; i++) if (Atomics.load(shared, words.done) >= chunks) return;
      const now = performance.now();
      if (now - since < wakefulMs) continue;
      const done = Atomics.load(shared, words.done);
      if (this.#sleeps) {
        Atomics.store(shared, words.waiting, 1);
        const woken = done >= chunks || Atomics.wait(shared, words.done, done, sliceMs) !== "timed-out";
        Atomics.store(shared, words.waiting, 0);
        if (woken) continue;
      } else if (now - sliceSince < sliceMs) continue;
      sliceSince = now;
      const ended = this.#threads.filter((thread) => thread.hasEnded()).length;
      // Each has left one chunk, if all others have had time to finish theirs.
      if (chunks - done <= ended && done === doneBefore) throw this.#lose("a thread ended in mid-run");
      doneBefore = done;
      if (++slices >= mostSlices) {
        this.#stuck = `a thread did not finish its part within ${(mostSlices * sliceMs) / 1000} s`;
        throw this.#lose(this.#stuck);
      }
    }
  }

  #lose(reason: string): PptError {
    this.#breakDown(reason);
    return lostError(reason, this.#stuck === undefined);
  }

  #breakDown(reason: string): void {
    if (!this.isUsable) return;
    this.#listeners[this.#answered ? "lost" : "refused"](reason);
    void this.end();
  }
}

/** @param isUsable whether the executable still is */
export const lostError = (reason: string, isUsable: boolean): PptError =>
  new PptError(
    "DEVICE_LOST",
    `backend 'wasm': ${reason}, so this run has no result: ${isUsable ? "run again, which takes one thread" : "compile the program again, which then runs on one thread"}`,
  );
