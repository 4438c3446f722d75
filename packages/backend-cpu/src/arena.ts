/** The buffers of one executable. They are reused within a run, once a scope ends, and between runs. */

export class Arena {
  /** Free buffers by length. */
  #free = new Map<number, Float32Array[]>();
  /** Buffers in use, one list per open scope. The first list belongs to the run itself. */
  #scopes: Float32Array[][] = [[]];
  /** Every buffer that the current run used. */
  #used = new Set<Float32Array>();

  /** Takes a buffer of `length` floats. Its content is unspecified. */
  take(length: number): Float32Array {
    const buffer = this.#free.get(length)?.pop() ?? new Float32Array(length);
    this.#scopes.at(-1)!.push(buffer);
    this.#used.add(buffer);
    return buffer;
  }

  /** Runs `body`, then frees the buffers that it took, except those that `kept` finds in its result. */
  scope<R>(body: () => R, kept: (result: R) => Iterable<Float32Array>): R {
    const own: Float32Array[] = [];
    this.#scopes.push(own);
    let survivors = new Set<Float32Array>();
    try {
      const result = body();
      survivors = new Set(kept(result));
      return result;
    } finally {
      this.#scopes.pop();
      for (const buffer of own) {
        if (survivors.has(buffer)) this.#scopes.at(-1)!.push(buffer);
        else this.#release(buffer);
      }
    }
  }

  /** Frees the buffers of the run, and drops buffers that it did not use. Memory thus follows the batch size. */
  endRun(): void {
    this.#free.clear();
    for (const buffer of this.#used) this.#release(buffer);
    this.#used.clear();
    this.#scopes = [[]];
  }

  dispose(): void {
    this.#free.clear();
    this.#used.clear();
    this.#scopes = [[]];
  }

  /** Bytes in free buffers. Between runs these are all bytes that the arena holds. */
  get bytes(): number {
    let bytes = 0;
    for (const [length, buffers] of this.#free) bytes += 4 * length * buffers.length;
    return bytes;
  }

  #release(buffer: Float32Array): void {
    const list = this.#free.get(buffer.length);
    if (list) list.push(buffer);
    else this.#free.set(buffer.length, [buffer]);
  }
}
