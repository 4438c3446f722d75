/**
 * A small server of the open inference protocol, version 2: one ONNX file in ONNX Runtime, with dynamic batching. Requests that wait at the
 * same time run together. For production take KServe with Triton or MLServer; this one is to try the client, and to read.
 *
 *   node server.js MODEL_FOLDER NAME [PORT]
 */
import { once } from "node:events";
import { createServer } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { InferenceSession, Tensor } from "onnxruntime-node";

const [input, output] = ["pixel_values", "logits"];
const extensions = ["binary_tensor_data"];

/** The largest body, in bytes: 64 pictures of 224 x 224. */
const mostBytes = 64 * 3 * 224 * 224 * 4 + 2 ** 16;

/** An answer other than 200. */
class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** @returns the server, `close()`, and how many rows each run had */
export async function serve(folder, name, { port = 0, mostRows = 16, mostDelayMs = 2 } = {}) {
  const session = await InferenceSession.create(join(folder, "onnx", "model.onnx"));
  const [{ shape: expected }] = session.inputMetadata.filter((one) => one.name === input);
  const [{ shape: given }] = session.outputMetadata.filter((one) => one.name === output);
  const sizes = [];
  const runTogether = batcher(mostRows, mostDelayMs, async (requests) => {
    const rows = requests.map(({ rows }) => rows).reduce((sum, one) => sum + one, 0);
    sizes.push(rows);
    const data = new Float32Array(requests.reduce((sum, one) => sum + one.data.length, 0));
    let at = 0;
    for (const one of requests) {
      data.set(one.data, at);
      at += one.data.length;
    }
    const feeds = { [input]: new Tensor("float32", data, [rows, ...expected.slice(1)]) };
    const logits = (await session.run(feeds, [output]))[output];
    const width = logits.data.length / rows;
    let row = 0;
    return requests.map((one) => {
      row += one.rows;
      return logits.data.slice((row - one.rows) * width, row * width);
    });
  });
  const metadata = {
    ...{ name, versions: ["1"], platform: "onnxruntime_onnx" },
    inputs: [{ name: input, datatype: "FP32", shape: [-1, ...expected.slice(1)] }],
    outputs: [{ name: output, datatype: "FP32", shape: [-1, given.at(-1)] }],
  };

  async function answer(request) {
    const { pathname } = new URL(request.url, "http://localhost");
    if (pathname === "/v2") return { name: "example-kserve", version: "1", extensions };
    if (/^\/v2\/health\/(live|ready)$/.test(pathname)) return { [pathname.split("/").at(-1)]: true };
    const [, asked, what] = /^\/v2\/models\/([^/]+)(?:\/(ready|infer))?$/.exec(pathname) ?? [];
    if (asked !== name) throw new Refusal(404, `no model ${asked ?? pathname}; there is ${name}`);
    if (what === "ready") return { name, ready: true };
    if (what === undefined) return metadata;
    const { header, tensor } = await readTensor(request);
    const [rows, ...rest] = tensor.shape;
    const per = expected.slice(1).reduce((all, one) => all * one, 1);
    if (
      !(rows > 0 && rows <= mostRows) ||
      rest.join() !== expected.slice(1).join() ||
      tensor.data.length !== rows * per
    )
      throw new Refusal(
        400,
        `${input} has shape [${tensor.shape}] and ${tensor.data.length} values, expected [1 to ${mostRows},${expected.slice(1)}]`,
      );
    const data = await runTogether({ rows, data: tensor.data });
    const facts = { name: output, shape: [rows, data.length / rows], datatype: "FP32" };
    return {
      model_name: name,
      ...(header.id && { id: header.id }),
      outputs: [{ ...facts, data }],
      binary: header.binary,
    };
  }

  const server = createServer(async (request, response) => {
    try {
      const { binary, ...document } = await answer(request);
      send(response, document, binary);
    } catch (error) {
      const status = error instanceof Refusal ? error.status : 500;
      response.writeHead(status, { "Content-Type": "application/json" });
      response.end(JSON.stringify({ error: error.message }));
    }
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    sizes,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
      await session.release();
    },
  };
}

/** Gathers requests until there are `mostRows`, or the first has waited `mostDelayMs`. One batch runs at a time. */
function batcher(mostRows, mostDelayMs, run) {
  const waiting = [];
  let timer;
  let isRunning = false;
  async function start() {
    clearTimeout(timer);
    timer = undefined;
    if (isRunning || waiting.length === 0) return;
    let rows = 0;
    const taken = [];
    while (waiting.length > 0 && rows + waiting[0].rows <= mostRows) {
      rows += waiting[0].rows;
      taken.push(waiting.shift());
    }
    isRunning = true;
    try {
      const results = await run(taken);
      for (const [i, { resolve }] of taken.entries()) resolve(results[i]);
    } catch (error) {
      for (const { reject } of taken) reject(error);
    }
    isRunning = false;
    // Those that came meanwhile have waited long enough.
    start();
  }
  return (request) =>
    new Promise((resolve, reject) => {
      waiting.push({ ...request, resolve, reject });
      const rows = waiting.reduce((sum, one) => sum + one.rows, 0);
      if (rows >= mostRows) start();
      else timer ??= setTimeout(start, mostDelayMs);
    });
}

/** The tensor of a request, as JSON or as bytes. */
async function readTensor(request) {
  const chunks = [];
  let total = 0;
  for await (const chunk of request) {
    total += chunk.length;
    if (total > mostBytes) throw new Refusal(413, `more than ${mostBytes} bytes`);
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  const length = Number(request.headers["inference-header-content-length"] ?? body.length);
  let document;
  try {
    document = JSON.parse(body.subarray(0, length).toString());
  } catch (cause) {
    throw new Refusal(400, `no JSON: ${cause.message}`);
  }
  const tensor = document.inputs?.find((one) => one.name === input);
  if (tensor?.datatype !== "FP32" || !Array.isArray(tensor.shape))
    throw new Refusal(400, `no input ${input} with shape and datatype FP32`);
  const size = tensor.parameters?.binary_data_size;
  const bytes = size === undefined ? undefined : body.subarray(length, length + size);
  const data = bytes
    ? new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length - (bytes.length % 4)))
    : Float32Array.from(tensor.data ?? []);
  const binary = document.parameters?.binary_data_output === true;
  return { header: { id: document.id, binary }, tensor: { shape: tensor.shape, data } };
}

function send(response, document, binary) {
  if (!binary) {
    const plain = { ...document, ...(document.outputs && { outputs: document.outputs.map(asJson) }) };
    response.writeHead(200, { "Content-Type": "application/json" });
    response.end(JSON.stringify(plain));
    return;
  }
  const values = document.outputs.map(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  const outputs = document.outputs.map(({ data, ...facts }) => ({
    ...facts,
    parameters: { binary_data_size: data.byteLength },
  }));
  const header = JSON.stringify({ ...document, outputs });
  response.writeHead(200, {
    "Content-Type": "application/octet-stream",
    "Inference-Header-Content-Length": Buffer.byteLength(header),
  });
  response.end(Buffer.concat([Buffer.from(header), ...values]));
}

const asJson = ({ data, ...facts }) => ({ ...facts, ...(data && { data: Array.from(data) }) });

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder, name, port = "8000"] = process.argv.slice(2);
  const { url } = await serve(folder, name, { port: Number(port) });
  console.log(`${name} at ${url}/v2/models/${name}`);
}
