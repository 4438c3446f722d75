/** Types of jobs.js. */

/** A call of a kernel that is cut into chunks of units. */
export interface Job {
  /** The place of the kernel among `kernelNames`. */
  readonly kernel: number;
  readonly values: readonly number[];
  /** What each unit adds to each value. That of the argument `scratch` is added for each thread instead. */
  readonly steps: readonly number[];
  /** What each `inner` units add to each value. */
  readonly outerSteps: readonly number[];
  readonly units: number;
  /** Units after which the `steps` begin again and the `outerSteps` are added once more. No chunk goes beyond. */
  readonly inner: number;
  /** The argument that says how much there is to do: `unitSize` for each unit, and no more than `total` in all units. */
  readonly counted: number;
  readonly unitSize: number;
  readonly total: number;
  /** The argument that is memory of each thread's own; -1 for none. */
  readonly scratch: number;
  /** At most `mostChunks`. */
  readonly chunks: number;
}

/** Memory by which threads agree on jobs. */
export interface Control {
  readonly words: Int32Array;
  readonly numbers: Float64Array;
}

type Kernel = (...given: number[]) => void;

export const words: Readonly<Record<"ticket" | "chunks" | "done" | "sleepers" | "mail" | "waiting" | "failed", number>>;
export const mostArguments: number;
export const mostChunks: number;
export const controlBytes: number;
export function controlOf(buffer: ArrayBufferLike): Control;
export function callBack(control: Control): void;
export function offer(control: Control, memory: number, job: Job): void;
export function runChunk(kernel: Kernel, job: Job, chunk: number, thread: number): void;
export function work(control: Control, job: Job, kernel: Kernel, thread: number, ticket: number): void;
export function serve(
  control: Control,
  thread: number,
  handled: number,
  kernelOf: (job: Job) => Kernel | undefined,
): void;
