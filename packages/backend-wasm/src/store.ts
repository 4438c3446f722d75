/** The tensors of one executable: parameters, which stay, and those of a run, which end with their scope. */
import type { TensorStore } from "@ppt-vit/backend-cpu/eager";
import { collectTensors, type DType, type HostTensor, type Shape, sizeOf } from "@ppt-vit/core/backend";
import type { Block, LinearMemory } from "./memory.js";
import { Elements, isWasmTensor, WasmTensor } from "./tensor.js";

export class WasmStore implements TensorStore<WasmTensor> {
  readonly #memory: LinearMemory;
  /** What the open scopes took, the outermost first. */
  #scopes: Set<Elements>[] = [new Set()];
  #untilEnd = new Set<Block>();

  constructor(memory: LinearMemory) {
    this.#memory = memory;
  }

  readonly take = (shape: Shape, dtype: DType = "float32"): WasmTensor => {
    const length = sizeOf(shape);
    const block = this.#memory.take(4 * length);
    const elements = new Elements(this.#memory, length, () => block);
    elements.place();
    this.#scopes.at(-1)!.add(elements);
    return new WasmTensor(shape, dtype, elements);
  };

  /** A tensor that `fill` fills when something reads it, and that takes no memory before. */
  later(shape: Shape, fill: (address: number) => void): WasmTensor {
    const length = sizeOf(shape);
    const elements = new Elements(this.#memory, length, () => {
      const block = this.#memory.take(4 * length);
      fill(block.address);
      return block;
    });
    this.#scopes.at(-1)!.add(elements);
    return new WasmTensor(shape, "float32", elements);
  }

  /** A copy of the caller's array, for the current scope. */
  readonly constant = (host: HostTensor): WasmTensor => {
    const x = this.take(host.shape);
    x.data.set(host.data);
    return x;
  };

  share(x: WasmTensor, shape: Shape, dtype: DType): WasmTensor {
    return new WasmTensor(shape, dtype, x.elements);
  }

  /** Memory for one kernel call, `bytes` long. */
  scratch<R>(bytes: number, use: (address: number) => R): R {
    const block = this.#memory.take(bytes);
    try {
      return use(block.address);
    } finally {
      this.#memory.release(block);
    }
  }

  /** `length` floats at an address. The array is of no use once memory is taken again, which may grow it. */
  view(address: number, length: number): Float32Array {
    return new Float32Array(this.#memory.buffer, address, length);
  }

  /** Memory that is given back at the end of the run, or when `previous`, which it replaces, is the last one. */
  untilEnd(bytes: number, previous: Block | undefined): Block {
    if (previous && this.#untilEnd.delete(previous)) this.#memory.release(previous);
    const block = this.#memory.take(bytes);
    this.#untilEnd.add(block);
    return block;
  }

  /** Whether `untilEnd` gave the block in this run, and nothing has replaced it. */
  holds(block: Block): boolean {
    return this.#untilEnd.has(block);
  }

  scope<R>(body: () => R): R {
    const own = new Set<Elements>();
    this.#scopes.push(own);
    let survivors = new Set<Elements>();
    try {
      const result = body();
      survivors = new Set(collectTensors(result, isWasmTensor).map(({ elements }) => elements));
      // What fills a survivor may end with this scope.
      for (const elements of survivors) if (own.has(elements)) elements.place();
      return result;
    } finally {
      this.#scopes.pop();
      for (const elements of own) {
        if (survivors.has(elements)) this.#scopes.at(-1)!.add(elements);
        else this.#release(elements);
      }
    }
  }

  #release({ placed }: Elements): void {
    if (placed) this.#memory.release(placed);
  }

  /** Frees what the run left. */
  endRun(): void {
    for (const scope of this.#scopes) for (const elements of scope) this.#release(elements);
    this.#scopes = [new Set()];
    for (const block of this.#untilEnd) this.#memory.release(block);
    this.#untilEnd.clear();
  }
}

/** What was last made of a tensor. Queries, keys and values are made of one tensor, which is converted once. */
export class Remembered {
  readonly #store: WasmStore;
  #elements: Elements | undefined;
  #block: Block | undefined;

  constructor(store: WasmStore) {
    this.#store = store;
  }

  /** The address of `bytes` bytes, which `make` has filled for `x`. */
  of({ elements }: WasmTensor, bytes: number, make: (address: number) => void): number {
    const known = this.#block;
    if (known && this.#elements === elements && this.#store.holds(known)) return known.address;
    this.#block = this.#store.untilEnd(bytes, known);
    this.#elements = elements;
    make(this.#block.address);
    return this.#block.address;
  }
}
