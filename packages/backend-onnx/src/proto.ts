/** The part of ONNX's protobuf schema that is written and read here (onnx/onnx.proto, IR version 8). */
import protobuf from "protobufjs/light.js";

export interface AttributeProto {
  name: string;
  type: number;
  f?: number;
  i?: number;
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
  rawData: Uint8Array;
}

/** A tensor whose bytes lie elsewhere, under `location`. */
export interface ExternalTensorProto extends Omit<TensorProto, "rawData"> {
  dataLocation: number;
  externalData: { key: "location" | "length"; value: string }[];
}

export interface ValueInfoProto {
  name: string;
  type: { tensorType: { elemType: number; shape: { dim: ({ dimValue: number } | { dimParam: string })[] } } };
}

export interface ModelProto {
  irVersion: number;
  producerName: string;
  opsetImport: { domain: string; version: number }[];
  graph: {
    name: string;
    node: NodeProto[];
    initializer: (TensorProto | ExternalTensorProto)[];
    input: ValueInfoProto[];
    output: ValueInfoProto[];
  };
  metadataProps: { key: string; value: string }[];
}

/** TensorProto.DataType */
export const elementTypes = { float32: 1, int64: 7, bool: 9, float16: 10 } as const;

/** AttributeProto.AttributeType */
export const attributeTypes = { float: 1, int: 2, ints: 7 } as const;

const field = (type: string, id: number) => ({ type, id });
const repeated = (type: string, id: number) => ({ rule: "repeated" as const, type, id });

let modelType: protobuf.Type | undefined;

/** Built when first used: importing this module does no work. */
function modelProto(): protobuf.Type {
  modelType ??= protobuf.Root.fromJSON({
    nested: {
      ModelProto: {
        fields: {
          irVersion: field("int64", 1),
          opsetImport: repeated("OperatorSetIdProto", 8),
          producerName: field("string", 2),
          graph: field("GraphProto", 7),
          metadataProps: repeated("StringStringEntryProto", 14),
        },
      },
      OperatorSetIdProto: { fields: { domain: field("string", 1), version: field("int64", 2) } },
      StringStringEntryProto: { fields: { key: field("string", 1), value: field("string", 2) } },
      GraphProto: {
        fields: {
          node: repeated("NodeProto", 1),
          name: field("string", 2),
          initializer: repeated("TensorProto", 5),
          input: repeated("ValueInfoProto", 11),
          output: repeated("ValueInfoProto", 12),
        },
      },
      NodeProto: {
        fields: {
          input: repeated("string", 1),
          output: repeated("string", 2),
          name: field("string", 3),
          opType: field("string", 4),
          attribute: repeated("AttributeProto", 5),
          domain: field("string", 7),
        },
      },
      AttributeProto: {
        fields: {
          name: field("string", 1),
          f: field("float", 2),
          i: field("int64", 3),
          ints: repeated("int64", 8),
          type: field("int32", 20),
        },
      },
      TensorProto: {
        fields: {
          dims: repeated("int64", 1),
          dataType: field("int32", 2),
          name: field("string", 8),
          rawData: field("bytes", 9),
          externalData: repeated("StringStringEntryProto", 13),
          dataLocation: field("int32", 14),
        },
      },
      ValueInfoProto: { fields: { name: field("string", 1), type: field("TypeProto", 2) } },
      TypeProto: { fields: { tensorType: field("TypeProtoTensor", 1) } },
      TypeProtoTensor: { fields: { elemType: field("int32", 1), shape: field("TensorShapeProto", 2) } },
      TensorShapeProto: { fields: { dim: repeated("Dimension", 1) } },
      Dimension: {
        oneofs: { value: { oneof: ["dimValue", "dimParam"] } },
        fields: { dimValue: field("int64", 1), dimParam: field("string", 2) },
      },
    },
  }).lookupType("ModelProto");
  return modelType;
}

/** A model as the bytes of an `.onnx` file. */
export function encodeModel(model: ModelProto): Uint8Array {
  const type = modelProto();
  return type.encode(type.fromObject(model)).finish();
}

/** Bytes that a model file refers to by `path`, as ONNX Runtime takes them. */
export interface ExternalData {
  readonly path: string;
  readonly data: Uint8Array;
}

/** TensorProto.DataLocation.EXTERNAL */
const external = 1;
/** Smaller tensors stay in the file: the runtime reads the shapes and axes among them while it builds the graph. */
const fewBytes = 1024;

/** Takes the large tensors out. */
export function putBeside(initializers: readonly TensorProto[]): {
  readonly initializers: (TensorProto | ExternalTensorProto)[];
  readonly beside: ExternalData[];
} {
  const beside: ExternalData[] = [];
  const kept = initializers.map((tensor) => {
    const { rawData, ...rest } = tensor;
    if (rawData.length < fewBytes) return tensor;
    beside.push({ path: tensor.name, data: rawData });
    const externalData: ExternalTensorProto["externalData"] = [
      { key: "location", value: tensor.name },
      { key: "length", value: String(rawData.length) },
    ];
    return { ...rest, dataLocation: external, externalData };
  });
  return { initializers: kept, beside };
}

/** The messages of a model file; weights are views of `bytes`. @throws Error where it is no ONNX model. */
export function decodeModel(bytes: Uint8Array): ModelProto {
  const type = modelProto();
  const model = type.toObject(type.decode(bytes), { longs: Number, defaults: true, arrays: true });
  if (!model.graph || model.opsetImport.length === 0) throw new Error("it has no graph or no operator set");
  return model as ModelProto;
}

/** The key-value pairs that a model file carries beside its graph. @throws Error where the bytes are no ONNX model. */
export const readMetadata = (bytes: Uint8Array): ReadonlyMap<string, string> =>
  new Map(decodeModel(bytes).metadataProps.map(({ key, value }) => [key, value]));
