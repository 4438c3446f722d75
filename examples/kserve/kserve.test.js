import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { demoSamplesUrl } from "@ppt-vit/demo-model";
import { classifier } from "./classify.js";
import { connect } from "./client.js";
import { serve } from "./server.js";

const pictures = readdirSync(demoSamplesUrl)
  .filter((name) => name.endsWith(".png"))
  .map((name) => fileURLToPath(new URL(name, demoSamplesUrl)));
/** The samples are named after what they show: `000_dog.png`. */
const nameOf = (path) => /\d+_(\w+)\.png$/.exec(path)[1];

let server;
before(async () => {
  // A request waits long, so that those of a test run together on any machine.
  server = await serve("model", "demo", { mostDelayMs: 500 });
});
after(() => server.close());

test("a client labels pictures, and requests that wait run together", async () => {
  const classify = classifier(server.url, "demo", "model");
  const answers = await Promise.all(pictures.map((path) => classify([path])));
  assert.deepEqual(
    answers.map(([{ label }]) => label),
    pictures.map(nameOf),
  );
  assert.equal(
    server.sizes.reduce((sum, one) => sum + one, 0),
    pictures.length,
  );
  assert.ok(server.sizes.length < pictures.length, `runs of ${server.sizes}`);
  const together = await classify(pictures.slice(0, 3));
  assert.deepEqual(
    together.map(({ label }) => label),
    pictures.slice(0, 3).map(nameOf),
  );
});

test("tensors travel as JSON where a server knows no bytes", async () => {
  const { inputs } = await connect(server.url).metadata("demo");
  const shape = [1, ...inputs[0].shape.slice(1)];
  const tensor = { shape, data: new Float32Array(shape.reduce((all, one) => all * one, 1)).fill(0.25) };
  const infer = (url) => connect(url).infer("demo", { pixel_values: tensor });
  const plain = await proxy({ extensions: [] });
  const [asBytes, asJson] = await Promise.all([infer(server.url), infer(plain.url)]);
  plain.close();
  assert.deepEqual(asJson, asBytes);
  assert.deepEqual(plain.types, ["application/json"]);
});

test("errors tell what to do by their code", async () => {
  const tensor = (shape) => ({
    pixel_values: { shape, data: new Float32Array(shape.reduce((all, one) => all * one, 1)) },
  });
  const refused = async (promise, code, message) => {
    await assert.rejects(promise, (error) => {
      assert.equal(error.code, code, error.stack);
      assert.match(error.message, message);
      return true;
    });
  };
  const client = connect(server.url);
  await client.requireReady("demo");
  await refused(client.requireReady("other"), "NOT_FOUND", /no model other; there is demo/);
  await refused(
    client.infer("demo", tensor([1, 3, 8, 8])),
    "REFUSED",
    /shape \[1,3,8,8\] and 192 values, expected \[1 to 16,3,224,224\]/,
  );
  await refused(client.infer("demo", tensor([17, 3, 224, 224])), "REFUSED", /expected \[1 to 16,/);
  const silent = createServer(() => {}).listen(0, "127.0.0.1");
  await new Promise((resolve) => silent.once("listening", resolve));
  const late = connect(`http://127.0.0.1:${silent.address().port}`, { timeoutMs: 100 });
  await refused(late.requireReady("demo"), "UNAVAILABLE", /no answer within 0.1 s/);
  const url = `http://127.0.0.1:${silent.address().port}`;
  silent.closeAllConnections();
  await new Promise((resolve) => silent.close(resolve));
  await refused(
    connect(url).infer("demo", tensor([1, 3, 224, 224])),
    "UNAVAILABLE",
    /ECONNREFUSED: is the server running/,
  );
  const gateway = await proxy({ status: 503 });
  await refused(connect(gateway.url).infer("demo", tensor([1, 3, 224, 224])), "NOT_READY", /status 503/);
  gateway.close();
});

/** A server before the server, as a gateway is: says which extensions there are, or answers everything with a status. */
async function proxy({ extensions, status }) {
  const types = [];
  const front = createServer(async (request, response) => {
    if (status) return response.writeHead(status).end("<h1>no upstream</h1>");
    if (request.url === "/v2") return response.end(JSON.stringify({ name: "plain", extensions }));
    types.push(request.headers["content-type"]);
    const answer = await fetch(new URL(request.url, server.url), {
      method: request.method,
      headers: { "content-type": request.headers["content-type"] },
      body: request,
      duplex: "half",
    });
    response.end(Buffer.from(await answer.arrayBuffer()));
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => front.once("listening", resolve));
  return { url: `http://127.0.0.1:${front.address().port}`, types, close: () => front.close() };
}
