/**
 * How much less time settings take than the unreduced model, on one thread of native ONNX Runtime, of the wasm backend and of ONNX
 * Runtime's wasm.
 * `pnpm bench --benchmark benchmarks/measures/searched-speed.mjs --set reductions=A.json,B.json [--set rounds=15] [--set batches=1,8]`.
 * The models take turns. Processor time is measured beside the time of the clock, because on a busy machine the latter also tells what
 * others do.
 */
import { createOnnxBackend } from "@ppt-vit/backend-onnx";
import { createWasmBackend } from "@ppt-vit/backend-wasm";
import { createVisionModel, modelCost, modelFingerprint, stackImages, verificationInput } from "@ppt-vit/core";
import { readCheckpoint, readReduction } from "@ppt-vit/pipeline";
import { quantile, ratiosOf, takeTurns } from "../turns.mjs";

const backends = {
  "onnx-cpu": () => createOnnxBackend({ device: "cpu", threads: 1 }),
  wasm: () => createWasmBackend({ threads: 1 }),
  "onnx-wasm": () => createOnnxBackend({ device: "wasm", threads: 1 }),
};

export async function measure({ settings: { reductions, rounds = "15", batches = "1,8" }, tell }) {
  const { config, weights } = await readCheckpoint("demo");
  const columns = reductions.split(",").map((name) => ({ name, reduction: readReduction(name) }));
  const measurements = [];
  for (const [name, open] of Object.entries(backends)) {
    const backend = await open();
    const models = [];
    for (const { reduction } of [{}, ...columns])
      models.push(await createVisionModel({ config, weights, backend, reduction }));
    for (const batch of batches.split(",").map(Number)) {
      tell(`${name}, batch ${batch}`);
      const pixelValues = stackImages(Array.from({ length: batch }, (_, i) => verificationInput(config, i)));
      const turns = await takeTurns(models, { pixelValues, batch }, Number(rounds));
      for (const [k, column] of columns.entries())
        measurements.push({
          name: `${column.name} on ${name}, batch ${batch}`,
          facts: {
            ...{ backend: name, batch, threads: 1, reduction: column.reduction },
            gmacs: { unreduced: modelCost(config).gmacs, reduced: modelCost(config, column.reduction).gmacs },
            unreducedProcessorMs: quantile(
              turns[0].map((one) => one.processorMs),
              0.5,
            ),
            speedup: ratiosOf(turns[0], turns[k + 1]),
          },
        });
    }
    for (const model of models) await model.dispose();
    await backend.dispose();
  }
  return {
    settings: { model: { name: "demo", fingerprint: modelFingerprint(config, weights) }, rounds: Number(rounds) },
    measurements,
  };
}
