/**
 * How long a page takes from its address to the label of a picture, with nothing cached, and how many bytes it downloads.
 * `pnpm bench --benchmark benchmarks/measures/first-label.mjs [--set backends=wasm,onnx-wasm] [--set mbits=0,20] [--set loads=7]`
 *
 * The demo model classifies one of its pictures in the page's own thread, isolated. Each load has a browser of its own, and the backends
 * take turns. Scripts and WebAssembly are sent compressed. `mbits` is the speed of the network, with 40 ms until a first byte; 0 is the
 * machine's own. `codeBytes` are the scripts and the WebAssembly as they are sent; the model's 11 MB come on top.
 */
import { median, quantile } from "@ppt-vit/pipeline";
import { host, launch } from "../pages/host.mjs";

const networkOf = (mbits) => ({
  offline: false,
  latency: mbits > 0 ? 40 : 0,
  downloadThroughput: mbits > 0 ? (mbits * 1e6) / 8 : -1,
  uploadThroughput: -1,
});

async function load(url, backend, mbits) {
  const browser = await launch();
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(120_000);
    const client = await page.context().newCDPSession(page);
    const sent = new Map();
    client.on("Network.responseReceived", ({ requestId, response }) => sent.set(requestId, { url: response.url }));
    client.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
      if (sent.has(requestId)) sent.get(requestId).bytes = encodedDataLength;
    });
    await client.send("Network.enable");
    await client.send("Network.emulateNetworkConditions", networkOf(mbits));
    await page.goto(`${url}?backend=${backend}`);
    await page.waitForFunction(() => globalThis.result);
    const result = await page.evaluate(() => globalThis.result);
    if (result.error) throw new Error(`${backend}: ${result.error}`);
    const codes = [...sent.values()].filter(({ url }) => /\.(m?js|wasm)$/.test(new URL(url).pathname));
    return { ...result, codeBytes: codes.reduce((sum, { bytes = 0 }) => sum + bytes, 0) };
  } finally {
    await browser.close();
  }
}

export async function measure({ settings, tell }) {
  const { backends = "wasm,onnx-wasm", mbits = "0,20", loads = "7" } = settings;
  const names = backends.split(",");
  const speeds = mbits.split(",").map(Number);
  const { url, close } = await host("label.js");
  const measurements = [];
  try {
    for (const speed of speeds) {
      const found = new Map(names.map((name) => [name, []]));
      for (let i = 0; i < Number(loads); i++)
        for (const name of names) {
          tell(`${name} at ${speed || "full"} Mbit/s, load ${i + 1}`);
          found.get(name).push(await load(url, name, speed));
        }
      for (const [backend, all] of found) {
        const times = all.map(({ labelMs }) => labelMs);
        const { label, codeBytes } = all[0];
        const facts = {
          backend,
          mbits: speed,
          labelMs: median(times),
          labelP90Ms: quantile(times, 0.9),
          codeBytes,
          label,
        };
        measurements.push({ name: `${backend} at ${speed || "full"} Mbit/s`, facts });
      }
      const [first, ...others] = [...found.values()];
      for (const [at, other] of others.entries()) {
        const ratios = other.map(({ labelMs }, i) => labelMs / first[i].labelMs);
        const facts = {
          over: names[at + 1],
          ratio: median(ratios),
          quartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)],
        };
        measurements.push({ name: `${names[0]} against ${names[at + 1]} at ${speed || "full"} Mbit/s`, facts });
      }
    }
  } finally {
    close();
  }
  return { settings: { backends, mbits, loads: Number(loads) }, measurements };
}
