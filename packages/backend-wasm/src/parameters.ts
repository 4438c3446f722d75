/** The parameters of a program. Weights of linear layers are kept packed, and in no other form unless something reads them. */
import { type HostTensor, type QuantizedRows, sizeOf } from "@ppt-vit/core/backend";
import type { LinearMemory } from "./memory.js";
import { Elements, WasmTensor } from "./tensor.js";
import { packedBytes, packFloats, packIntegers, quantizedBytes, unpackFloats, unpackIntegers } from "./weights.js";

/** A packed matrix: the address of its panels, and of the scales of its columns if it is quantised. */
export interface Packed {
  readonly panels: number;
  readonly scales?: number;
}

export class Parameters {
  readonly #memory: LinearMemory;
  readonly #bytes: boolean;
  readonly #packed = new Map<Elements, Packed>();
  readonly #own = new Set<Elements>();

  /** @param bytes whether quantised weights are packed for products of bytes */
  constructor(memory: LinearMemory, bytes: boolean) {
    this.#memory = memory;
    this.#bytes = bytes;
  }

  /** Whether some weights are integers. */
  get areQuantized(): boolean {
    return [...this.#packed.values()].some(({ scales }) => scales !== undefined);
  }

  upload(host: HostTensor): WasmTensor {
    const x = this.#stored(host);
    this.#own.add(x.elements);
    return x;
  }

  /** The panels of a weight [O, I], or undefined if it is no parameter. They are made on the first call, and kept. */
  packed(weight: WasmTensor): Packed | undefined {
    const known = this.#packed.get(weight.elements);
    if (known || !this.#own.has(weight.elements)) return known;
    // A parameter of another shape, such as the kernel of a convolution.
    const packed = { panels: this.#pack(weight) };
    this.#packed.set(weight.elements, packed);
    return packed;
  }

  #stored(host: HostTensor): WasmTensor {
    const { shape, quantized } = host;
    // Blocks of 4 bits have no kernel here: `data` gives their floats.
    if (quantized?.kind === "rows") return this.#quantized(shape, quantized);
    const length = sizeOf(shape);
    const memory = this.#memory;
    if (shape.length !== 2) {
      const block = this.#memory.take(4 * length);
      const x = new WasmTensor(shape, "float32", new Elements(memory, length, () => block));
      x.data.set(host.data);
      return x;
    }
    const [O, I] = shape as [number, number];
    const panels = this.#pack(host);
    const elements = new Elements(memory, length, () => {
      const block = this.#memory.take(4 * length);
      const packed = new Float32Array(memory.buffer, panels, packedBytes(O, I) / 4);
      unpackFloats(packed, O, I, new Float32Array(memory.buffer, block.address, length));
      return block;
    });
    this.#packed.set(elements, { panels });
    return new WasmTensor(shape, "float32", elements);
  }

  #quantized(shape: HostTensor["shape"], rows: QuantizedRows): WasmTensor {
    const [O, I] = shape as [number, number];
    const memory = this.#memory;
    const length = O * I;
    const bytes = this.#bytes;
    const size = quantizedBytes(O, I, bytes);
    const panels = this.#memory.take(size).address;
    packIntegers(rows, new Int8Array(memory.buffer, panels, size), bytes);
    const scales = this.#memory.take(4 * O).address;
    new Float32Array(memory.buffer, scales, O).set(rows.scales);
    const elements = new Elements(memory, length, () => {
      const block = this.#memory.take(4 * length);
      const integers = new Int8Array(memory.buffer, panels, size);
      const data = new Float32Array(memory.buffer, block.address, length);
      unpackIntegers(integers, new Float32Array(memory.buffer, scales, O), I, data, bytes);
      return block;
    });
    this.#packed.set(elements, { panels, scales });
    return new WasmTensor(shape, "float32", elements);
  }

  #pack(host: HostTensor): number {
    const [O, I] = host.shape as [number, number];
    const bytes = packedBytes(O, I);
    const { address } = this.#memory.take(bytes);
    packFloats(host, new Float32Array(this.#memory.buffer, address, bytes / 4));
    return address;
  }
}
