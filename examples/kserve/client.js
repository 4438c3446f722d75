/**
 * A client of the open inference protocol, version 2, over HTTP: KServe, Triton, MLServer and OpenVINO speak it. Tensors travel as bytes
 * where the server has the extension `binary_tensor_data`, and else as JSON.
 */

/** `code` is UNAVAILABLE (nobody answers, or not in time), NOT_READY, NOT_FOUND, REFUSED (the request is wrong) or BAD_ANSWER. */
export class InferenceError extends Error {
  constructor(code, message, cause) {
    super(message, { cause });
    this.name = "InferenceError";
    this.code = code;
  }
}

const codes = { 400: "REFUSED", 404: "NOT_FOUND", 413: "REFUSED", 429: "NOT_READY", 503: "NOT_READY" };

/** @param url of the server, as in http://localhost:8000 */
export function connect(url, { timeoutMs = 30_000 } = {}) {
  async function ask(path, options = {}) {
    let response;
    try {
      response = await fetch(new URL(path, url), { ...options, signal: AbortSignal.timeout(timeoutMs) });
      const bytes = Buffer.from(await response.arrayBuffer());
      if (response.ok) return { bytes, headers: response.headers };
      const code = codes[response.status] ?? "BAD_ANSWER";
      throw new InferenceError(code, `${url}: ${messageIn(bytes) ?? `status ${response.status}`}`);
    } catch (cause) {
      if (cause instanceof InferenceError) throw cause;
      const why = cause.name === "TimeoutError" ? `no answer within ${timeoutMs / 1000} s` : cause.cause?.code;
      throw new InferenceError("UNAVAILABLE", `${url}: ${why ?? cause.message}: is the server running?`, cause);
    }
  }
  const json = async (path) => parse(url, (await ask(path)).bytes);
  let server;

  return {
    /** Resolves once the model can answer. @throws InferenceError */
    async requireReady(model) {
      await ask(`/v2/models/${model}/ready`);
    },
    /** Inputs and outputs of a model. */
    metadata: (model) => json(`/v2/models/${model}`),
    /**
     * @param inputs by name: `{ shape, data }` of float32
     * @returns outputs by name, in the same form
     */
    async infer(model, inputs) {
      server ??= await json("/v2");
      const binary = server.extensions?.includes("binary_tensor_data") ?? false;
      const { body, headers } = encode(inputs, binary);
      const answer = await ask(`/v2/models/${model}/infer`, { method: "POST", body, headers });
      return decode(url, answer);
    },
  };
}

function encode(inputs, binary) {
  const tensors = Object.entries(inputs);
  const header = JSON.stringify({
    inputs: tensors.map(([name, { shape, data }]) => ({
      ...{ name, shape, datatype: "FP32" },
      ...(binary ? { parameters: { binary_data_size: data.byteLength } } : { data: Array.from(data) }),
    })),
    ...(binary && { parameters: { binary_data_output: true } }),
  });
  if (!binary) return { body: header, headers: { "Content-Type": "application/json" } };
  const values = tensors.map(([, { data }]) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return {
    body: Buffer.concat([Buffer.from(header), ...values]),
    headers: {
      "Content-Type": "application/octet-stream",
      "Inference-Header-Content-Length": String(Buffer.byteLength(header)),
    },
  };
}

function decode(url, { bytes, headers }) {
  const length = Number(headers.get("inference-header-content-length") ?? bytes.length);
  const { outputs } = parse(url, bytes.subarray(0, length));
  if (!Array.isArray(outputs)) throw new InferenceError("BAD_ANSWER", `${url}: an answer without outputs`);
  let at = length;
  return Object.fromEntries(
    outputs.map(({ name, shape, datatype, data, parameters }) => {
      if (datatype !== "FP32") throw new InferenceError("BAD_ANSWER", `${url}: output ${name} is ${datatype}`);
      const size = parameters?.binary_data_size;
      // Copied, because floats must begin at a multiple of four bytes.
      const values = size === undefined ? Float32Array.from(data) : new Float32Array(copyOf(bytes, at, size));
      at += size ?? 0;
      if (values.length !== shape.reduce((all, one) => all * one, 1))
        throw new InferenceError("BAD_ANSWER", `${url}: output ${name} has ${values.length} values for [${shape}]`);
      return [name, { shape, data: values }];
    }),
  );
}

function copyOf(bytes, start, size) {
  const piece = bytes.subarray(start, start + size);
  return piece.buffer.slice(piece.byteOffset, piece.byteOffset + piece.length - (piece.length % 4));
}

function parse(url, bytes) {
  try {
    return JSON.parse(bytes.toString());
  } catch (cause) {
    throw new InferenceError("BAD_ANSWER", `${url}: no JSON: ${bytes.subarray(0, 60)}`, cause);
  }
}

/** Errors are JSON in the protocol, but proxies write what they like. */
function messageIn(bytes) {
  try {
    return JSON.parse(bytes.toString()).error;
  } catch {
    return undefined;
  }
}
