import type { DType, Shape, Tensor } from "@ppt-vit/core/backend";
import type { Block, LinearMemory } from "./memory.js";

/** The elements of tensors: a part of the memory, and an array over it. Reshaped tensors share them. */
export class Elements {
  readonly #memory: LinearMemory;
  readonly #length: number;
  readonly #place: () => Block;
  #block: Block | undefined;
  #view = new Float32Array(0);

  /** @param place is called when the elements are first read or written, and never if they are not */
  constructor(memory: LinearMemory, length: number, place: () => Block) {
    this.#memory = memory;
    this.#length = length;
    this.#place = place;
  }

  get block(): Block {
    this.place();
    return this.#block!;
  }

  /** The place, undefined if nothing has asked for it. */
  get placed(): Block | undefined {
    return this.#block;
  }

  /** Gives the elements their place, which may grow the memory. */
  place(): void {
    this.#block ??= this.#place();
  }

  /** Made anew once the memory has grown: that detaches the array, whose length is then 0. */
  get data(): Float32Array {
    if (this.#view.length === 0) {
      // Taking the block may grow the memory, so its buffer is read after that.
      const { address } = this.block;
      this.#view = new Float32Array(this.#memory.buffer, address, this.#length);
    }
    return this.#view;
  }
}

/** A row-major tensor in linear memory. Bools are stored as 0 and 1. */
export class WasmTensor implements Tensor {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly elements: Elements;

  constructor(shape: Shape, dtype: DType, elements: Elements) {
    this.shape = shape;
    this.dtype = dtype;
    this.elements = elements;
  }

  get data(): Float32Array {
    return this.elements.data;
  }

  /** Where the elements are. It stays, however the memory grows. */
  get address(): number {
    return this.elements.block.address;
  }
}

export const isWasmTensor = (value: unknown): value is WasmTensor => value instanceof WasmTensor;

/**
 * The same operations, which first give their operands places: an operation may hold the array of one tensor while it asks
 * for that of another, and a place taken in between may detach the first.
 */
export function onPlaced<O extends object>(operations: O): O {
  const wrapped = Object.entries(operations).map(([name, operation]) => [
    name,
    (...operands: unknown[]) => {
      for (const operand of operands) if (isWasmTensor(operand)) operand.elements.place();
      return operation(...operands);
    },
  ]);
  return Object.fromEntries(wrapped) as O;
}
