/** The ONNX graph while it is recorded. Equal nodes and equal constants are stored once. */
import { briefData, type DType, type HostTensor, type Shape, sizeOf } from "@ppt-vit/core/backend";
import { toFloat16 } from "./float16.js";
import type { LaterBytes } from "./later-bytes.js";
import { type AttributeProto, attributeTypes, elementTypes, type NodeProto, type TensorProto } from "./proto.js";

export type Attributes = Readonly<Record<string, number | string | readonly number[]>>;

/** Domain of the operators that exist only in ONNX Runtime. */
export const contrib = "com.microsoft";

/** Attributes that are floats; all other numbers are integers. */
const floatAttributes = new Set(["epsilon", "scale", "alpha", "beta"]);

export class Graph {
  readonly nodes: NodeProto[] = [];
  readonly initializers: TensorProto[] = [];
  /** Whether an operator outside the standard was used. */
  usesContrib = false;
  /** The two operands of each sum whose operands have one shape, possibly but for the batch of the second. */
  readonly residuals = new Map<string, readonly [string, string]>();
  /** Types of the outputs of operators outside the standard. Other tools infer all other types from them. */
  readonly types = new Map<string, { readonly shape: Shape; readonly dtype: DType }>();

  /** Outputs of each node, keyed by operator, inputs and attributes. */
  readonly #computed = new Map<string, readonly string[]>();
  /** Initializers of one type, shape and sum of bytes. */
  readonly #constants = new Map<string, (TensorProto & { readonly rawData: Uint8Array })[]>();
  /** Names of the initializers with the values of an array or a lazy tensor, by type and shape. */
  readonly #weights = new WeakMap<object, Map<string, string>>();
  readonly #derived = new WeakMap<HostTensor, Map<string, HostTensor>>();
  readonly #names = new Map<string, number>();
  readonly #scopes: string[] = [];

  /** Puts `name` in front of the names of the nodes that `body` records: `blocks.3/attention/MatMul`. */
  scope<R>(name: string, body: () => R): R {
    this.#scopes.push(name);
    try {
      return body();
    } finally {
      this.#scopes.pop();
    }
  }

  /** Runs a body later, with the names that nodes get here. */
  here(): <R>(body: () => R) => R {
    const scopes = [...this.#scopes];
    return (body) => {
      const later = this.#scopes.splice(0, Number.POSITIVE_INFINITY, ...scopes);
      try {
        return body();
      } finally {
        this.#scopes.splice(0, Number.POSITIVE_INFINITY, ...later);
      }
    };
  }

  /** The output of an operator. The same operator on the same inputs is recorded once. */
  node(opType: string, inputs: readonly string[], attributes: Attributes = {}, domain = ""): string {
    return this.nodeOf(1, opType, inputs, attributes, domain)[0]!;
  }

  /** The outputs of an operator that has several. */
  nodeOf(
    outputs: number,
    opType: string,
    inputs: readonly string[],
    attributes: Attributes = {},
    domain = "",
  ): readonly string[] {
    const key = JSON.stringify([domain, opType, inputs, attributes, outputs]);
    const known = this.#computed.get(key);
    if (known !== undefined) return known;
    const name = this.#freshName(opType);
    const output = Array.from({ length: outputs }, (_, i) => (i === 0 ? name : `${name}/${i}`));
    this.nodes.push({
      name,
      opType,
      domain,
      input: [...inputs],
      output,
      attribute: Object.entries(attributes).map(([key, value]) => attribute(key, value)),
    });
    if (domain === contrib) this.usesContrib = true;
    this.#computed.set(key, output);
    return output;
  }

  /** Keeps what type a value has. @returns its name */
  declare(name: string, shape: Shape, dtype: DType): string {
    this.types.set(name, { shape, dtype });
    return name;
  }

  /** A float or bool constant, converted to `dtype`. */
  constant(data: Float32Array, shape: Shape, dtype: DType): string {
    return this.#once(data, shape, dtype, () => this.#initializer(rawBytes(data, dtype), shape, elementTypes[dtype]));
  }

  /**
   * A constant with the values of a parameter, which are read when the file is written or the runtime takes them. The same
   * tensor is stored once. Tensors with equal values are not looked for, because that would read all of them.
   */
  parameter(tensor: HostTensor, shape: Shape, dtype: DType): string {
    return this.#once(tensor, shape, dtype, () => {
      const rawData: LaterBytes = {
        length: sizeOf(shape) * bytesOfElement[dtype],
        keep: () => rawBytes(tensor.data, dtype),
        brief: () => rawBytes(briefData(tensor), dtype),
      };
      return this.#add({ dims: [...shape], dataType: elementTypes[dtype], rawData }).name;
    });
  }

  /** What `make` makes of a parameter, one object for each `key`. */
  derived(tensor: HostTensor, key: string, make: () => HostTensor): HostTensor {
    const made = this.#derived.get(tensor) ?? new Map<string, HostTensor>();
    this.#derived.set(tensor, made);
    const known = made.get(key) ?? make();
    made.set(key, known);
    return known;
  }

  #once(values: object, shape: Shape, dtype: DType, make: () => string): string {
    const made = this.#weights.get(values) ?? new Map<string, string>();
    this.#weights.set(values, made);
    const key = `${dtype} ${shape}`;
    const known = made.get(key);
    if (known !== undefined) return known;
    const name = make();
    made.set(key, name);
    return name;
  }

  /** A constant of 8-bit integers, signed or not. */
  bytes(data: Int8Array | Uint8Array, shape: Shape): string {
    const type = data instanceof Int8Array ? elementTypes.int8 : elementTypes.uint8;
    return this.#initializer(new Uint8Array(data.buffer, data.byteOffset, data.length), shape, type);
  }

  /** A constant list of integers, as operators take shapes and axes. */
  integers(values: readonly number[]): string {
    const bytes = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    return this.#initializer(bytes, [values.length], elementTypes.int64);
  }

  /** A constant integer, as operators take the index of one element. */
  integer(value: number): string {
    return this.#initializer(new Uint8Array(BigInt64Array.of(BigInt(value)).buffer), [], elementTypes.int64);
  }

  #initializer(rawData: Uint8Array, dims: Shape, dataType: number): string {
    const key = `${dataType} [${dims}] ${checksum(rawData)}`;
    const alike = this.#constants.get(key) ?? [];
    const known = alike.find((one) => sameBytes(one.rawData, rawData));
    if (known) return known.name;
    const made = this.#add({ dims: [...dims], dataType, rawData });
    this.#constants.set(key, [...alike, made]);
    return made.name;
  }

  #add<T extends Omit<TensorProto, "name">>(tensor: T): T & { name: string } {
    const made = { name: `constant_${this.initializers.length}`, ...tensor };
    this.initializers.push(made);
    return made;
  }

  #freshName(opType: string): string {
    const base = [...this.#scopes, opType].join("/");
    const count = this.#names.get(base) ?? 0;
    this.#names.set(base, count + 1);
    return count === 0 ? base : `${base}_${count}`;
  }
}

/** A hash of the bytes. Large tensors are sampled: tensors with equal hashes are compared byte by byte afterwards. */
function checksum(bytes: Uint8Array): number {
  // An odd step, so that the sample does not consist of the same byte of every number.
  const step = bytes.length < 2 ** 16 ? 1 : 2 * Math.floor(bytes.length / 2 ** 16) + 1;
  let sum = bytes.length;
  for (let i = 0; i < bytes.length; i += step) sum = (Math.imul(sum, 31) + bytes[i]!) | 0;
  return sum;
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((v, i) => v === b[i]);

function attribute(name: string, value: number | string | readonly number[]): AttributeProto {
  if (typeof value === "string") return { name, type: attributeTypes.string, s: value };
  if (typeof value !== "number") return { name, type: attributeTypes.ints, ints: [...value] };
  return floatAttributes.has(name)
    ? { name, type: attributeTypes.float, f: value }
    : { name, type: attributeTypes.int, i: value };
}

const bytesOfElement: Readonly<Record<DType, number>> = { float32: 4, float16: 2, bool: 1 };

function rawBytes(data: Float32Array, dtype: DType): Uint8Array {
  if (dtype === "bool") return Uint8Array.from(data);
  const values = dtype === "float16" ? toFloat16(data) : data;
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
