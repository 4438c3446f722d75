/** The part of ONNX's protobuf schema that this package writes and reads (onnx/onnx.proto, IR version 8). */
import { type Bytes, briefBytes, keptBytes } from "./later-bytes.js";
import { bytes, field, float, int32, int64, message, repeated, string } from "./messages.js";

export interface AttributeProto {
  name: string;
  type: number;
  f?: number;
  i?: number;
  s?: string;
  ints?: number[];
}

export interface NodeProto {
  name: string;
  opType: string;
  domain: string;
  input: string[];
  output: string[];
  attribute: AttributeProto[];
}

export interface TensorProto {
  name: string;
  dims: number[];
  dataType: number;
  rawData: Bytes;
}

/** A tensor whose bytes are stored outside the file, under `location`. */
export interface ExternalTensorProto extends Omit<TensorProto, "rawData"> {
  dataLocation: number;
  externalData: KeyValueProto[];
}

/** A tensor in either form. */
type StoredTensorProto = Omit<TensorProto, "rawData"> & Partial<TensorProto & ExternalTensorProto>;

export interface KeyValueProto {
  key: string;
  value: string;
}

export interface ValueInfoProto {
  name: string;
  type: { tensorType: { elemType: number; shape: { dim: { dimValue?: number; dimParam?: string }[] } } };
}

export interface ModelProto {
  irVersion: number;
  producerName: string;
  docString: string;
  opsetImport: { domain: string; version: number }[];
  graph: {
    name: string;
    node: NodeProto[];
    initializer: StoredTensorProto[];
    input: ValueInfoProto[];
    output: ValueInfoProto[];
    /** Types of values inside the graph. */
    valueInfo: ValueInfoProto[];
  };
  metadataProps: KeyValueProto[];
}

/** TensorProto.DataType */
export const elementTypes = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int64: 7,
  bool: 9,
  float16: 10,
  uint4: 21,
  int4: 22,
} as const;

/** AttributeProto.AttributeType */
export const attributeTypes = { float: 1, int: 2, string: 3, ints: 7 } as const;

const keyValue = message<KeyValueProto>({ key: field(1, string, ""), value: field(2, string, "") });

const attributeProto = message<AttributeProto>({
  name: field(1, string, ""),
  f: field(2, float, 0),
  i: field(3, int64, 0),
  s: field(4, string, ""),
  ints: repeated(8, int64),
  type: field(20, int32, 0),
});

const nodeProto = message<NodeProto>({
  input: repeated(1, string),
  output: repeated(2, string),
  name: field(3, string, ""),
  opType: field(4, string, ""),
  attribute: repeated(5, attributeProto),
  domain: field(7, string, ""),
});

const tensorProto = message<StoredTensorProto>({
  dims: repeated(1, int64),
  dataType: field(2, int32, 0),
  name: field(8, string, ""),
  rawData: field(9, bytes),
  externalData: repeated(13, keyValue),
  dataLocation: field(14, int32),
});

type TensorTypeProto = ValueInfoProto["type"]["tensorType"];
const dimension = message<TensorTypeProto["shape"]["dim"][number]>({
  dimValue: field(1, int64),
  dimParam: field(2, string),
});
const shapeProto = message<TensorTypeProto["shape"]>({ dim: repeated(1, dimension) });
const tensorTypeProto = message<TensorTypeProto>({ elemType: field(1, int32, 0), shape: field(2, shapeProto) });
const typeProto = message<ValueInfoProto["type"]>({ tensorType: field(1, tensorTypeProto) });
const valueInfoProto = message<ValueInfoProto>({ name: field(1, string, ""), type: field(2, typeProto) });

const graphProto = message<ModelProto["graph"]>({
  node: repeated(1, nodeProto),
  name: field(2, string, ""),
  initializer: repeated(5, tensorProto),
  input: repeated(11, valueInfoProto),
  output: repeated(12, valueInfoProto),
  valueInfo: repeated(13, valueInfoProto),
});

const operatorSet = message<ModelProto["opsetImport"][number]>({
  domain: field(1, string, ""),
  version: field(2, int64, 0),
});

const modelProto = message<ModelProto>({
  irVersion: field(1, int64, 0),
  producerName: field(2, string, ""),
  docString: field(6, string, ""),
  graph: field(7, graphProto),
  opsetImport: repeated(8, operatorSet),
  metadataProps: repeated(14, keyValue),
});

/** A model as the bytes of an `.onnx` file. */
export const encodeModel = (model: ModelProto): Uint8Array => modelProto.encode(model);

/** Bytes outside the model file, which refers to them by `path`, in the form that ONNX Runtime takes. */
export interface ExternalData {
  readonly path: string;
  /** Each reading may read or compute the bytes. */
  readonly data: Uint8Array;
}

/** The same for a runtime that takes one after the other. */
export interface WeightBeside extends ExternalData {
  readonly length: number;
  /** `data` in memory that may be overwritten as soon as any other weights are read. */
  brief(): Uint8Array;
}

/** TensorProto.DataLocation.EXTERNAL */
const external = 1;
/** Smaller tensors stay in the file: the runtime reads the shapes and axes among them while it builds the graph. */
const fewBytes = 1024;

/** Moves the bytes of large tensors out of the file. */
export function putBeside(initializers: readonly TensorProto[]): {
  readonly initializers: (TensorProto | ExternalTensorProto)[];
  readonly beside: WeightBeside[];
} {
  const beside: WeightBeside[] = [];
  const kept = initializers.map((tensor) => {
    const { rawData, ...rest } = tensor;
    if (rawData.length < fewBytes) return tensor;
    beside.push({
      path: tensor.name,
      length: rawData.length,
      get data() {
        return keptBytes(rawData);
      },
      brief: () => briefBytes(rawData),
    });
    const externalData: ExternalTensorProto["externalData"] = [
      { key: "location", value: tensor.name },
      { key: "length", value: String(rawData.length) },
    ];
    return { ...rest, dataLocation: external, externalData };
  });
  return { initializers: kept, beside };
}

/** Decodes a model file. Weights are views of `file`. @throws Error if it is no ONNX model */
export function decodeModel(file: Uint8Array): ModelProto {
  const model = modelProto.decode(file);
  if (!model.graph || model.opsetImport.length === 0) throw new Error("it has no graph or no operator set");
  return model;
}

/** The metadata of a model file, as key-value pairs. @throws Error if the bytes are no ONNX model */
export const readMetadata = (file: Uint8Array): ReadonlyMap<string, string> =>
  new Map(decodeModel(file).metadataProps.map(({ key, value }) => [key, value]));
