/** Runs in a page and in a worker: the demo model on pixels that the test computed. */
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { createWasmBackend } from "@ppt-vit/backend-wasm";
import { createVisionModel, parseModelConfig, parseReduction, parseSafetensors } from "@ppt-vit/core";

const fetchBytes = async (path: string) => new Uint8Array(await (await fetch(path)).arrayBuffer());
const fetchJson = async (path: string): Promise<unknown> => (await fetch(path)).json();

const backends = {
  cpu: () => createCpuBackend(),
  simd: () => createWasmBackend({ instructions: "simd", threads: 1 }),
  "relaxed-simd": () => createWasmBackend({ instructions: "relaxed-simd", threads: 1 }),
  "2 threads": () => createWasmBackend({ threads: 2 }),
  "3 threads": () => createWasmBackend({ threads: 3 }),
};

/** The CPU backend, or what is special about the wasm backend. */
export type BackendHere = keyof typeof backends;

/** Logits of one picture with PPT, the action of each stage, and what computed. */
export async function classify(
  name: BackendHere,
): Promise<{ logits: number[]; policies: string[]; runtime: string | undefined }> {
  const backend = backends[name]();
  const model = await createVisionModel({
    config: parseModelConfig(await fetchJson("/model/config.json")),
    weights: parseSafetensors(await fetchBytes("/model/model.safetensors")),
    backend,
    reduction: parseReduction(await fetchJson("/model/reduction.json")),
  });
  const pixels = await fetchBytes("/pixels");
  const { logits, stages } = await model.run({ pixelValues: new Float32Array(pixels.buffer), batch: 1 });
  const { runtime } = backend;
  await model.dispose();
  await backend.dispose();
  return { logits: Array.from(logits.data), policies: stages.map((stage) => stage.policies[0]!), runtime };
}
