/** One linear memory and who has which part of it. It grows as needed, and every growth detaches the arrays over it. */
import { firstLineOf, PptError } from "@ppt-vit/core";
import { reservedBytes } from "./kernels.js";
import { mostPages } from "./shared-binary.js";

const pageBytes = 65_536;
/** Kernels read vectors of 16 bytes. 64 bytes are a cache line. */
const alignment = 64;

interface Gap {
  readonly start: number;
  readonly end: number;
}

/** A part of the memory. */
export interface Block {
  readonly address: number;
  readonly bytes: number;
}

export class LinearMemory {
  /** Undefined after `dispose`: whoever still has a disposed executable holds no memory by it. */
  #memory: WebAssembly.Memory | undefined;
  /** Free parts in ascending order. No two of them touch. */
  #gaps: Gap[] = [{ start: reservedBytes, end: pageBytes }];

  /**
   * @param shared whether threads share it
   * @throws PptError OUT_OF_MEMORY if the host refuses it
   */
  constructor(shared = false) {
    this.#memory = granted(pageBytes, () => new WebAssembly.Memory({ initial: 1, maximum: mostPages, shared }));
  }

  /** What kernels import. */
  get memory(): WebAssembly.Memory {
    if (!this.#memory)
      throw new PptError("DISPOSED", "backend 'wasm': this executable was disposed; compile the program again");
    return this.#memory;
  }

  /** The bytes, until the memory grows. */
  get buffer(): ArrayBuffer {
    return this.memory.buffer;
  }

  /** Drops the memory. */
  dispose(): void {
    this.#memory = undefined;
  }

  /**
   * The lowest part that is large enough. Its content is unspecified.
   * @throws PptError OUT_OF_MEMORY if the host refuses to grow the memory
   */
  take(bytes: number): Block {
    const size = Math.max(Math.ceil(bytes / alignment) * alignment, alignment);
    let index = this.#gaps.findIndex(({ start, end }) => end - start >= size);
    if (index < 0) {
      this.#grow(size);
      index = this.#gaps.length - 1;
    }
    const { start, end } = this.#gaps[index]!;
    this.#gaps.splice(index, 1, ...(end - start > size ? [{ start: start + size, end }] : []));
    return { address: start, bytes: size };
  }

  /** Gives back what `take` returned. */
  release({ address, bytes }: Block): void {
    const after = this.#gaps.findIndex(({ start }) => start > address);
    const at = after < 0 ? this.#gaps.length : after;
    let start = address;
    let end = address + bytes;
    let from = at;
    let count = 0;
    if (this.#gaps[at]?.start === end) {
      end = this.#gaps[at]!.end;
      count++;
    }
    if (this.#gaps[at - 1]?.end === start) {
      start = this.#gaps[at - 1]!.start;
      from--;
      count++;
    }
    this.#gaps.splice(from, count, { start, end });
  }

  /** Bytes of the memory that are free. */
  get freeBytes(): number {
    return this.#gaps.reduce((sum, { start, end }) => sum + end - start, 0);
  }

  /** Adds pages, so that the last gap has `size` bytes. */
  #grow(size: number): void {
    const end = this.buffer.byteLength;
    const last = this.#gaps.at(-1);
    const inPlace = last?.end === end ? end - last.start : 0;
    const pages = Math.ceil((size - inPlace) / pageBytes);
    if (end / pageBytes + pages > mostPages)
      throw new PptError(
        "OUT_OF_MEMORY",
        `backend 'wasm' needs ${megabytes(end + pages * pageBytes)} MB of memory, more than the 4 GB that WebAssembly can address: ${advice}`,
      );
    granted(end + pages * pageBytes, () => this.memory.grow(pages));
    this.release({ address: end, bytes: pages * pageBytes });
  }
}

const megabytes = (bytes: number): number => Math.ceil(bytes / 1e6);
const advice = "use smaller batches, or a smaller model";

/** What `allocate` gives. @throws PptError OUT_OF_MEMORY if the host refuses a memory of `bytes` bytes */
function granted<R>(bytes: number, allocate: () => R): R {
  try {
    return allocate();
  } catch (cause) {
    throw new PptError(
      "OUT_OF_MEMORY",
      `backend 'wasm' needs ${megabytes(bytes)} MB of memory, which this host refuses (${firstLineOf(cause)}): ${advice}`,
      { cause },
    );
  }
}
