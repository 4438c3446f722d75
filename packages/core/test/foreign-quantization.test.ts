import { expect, test } from "vitest";
import { parseModelConfig, parseSafetensors, weightsFrom } from "../src/index.js";

test.each([
  [{ quant_method: "gptq", bits: 4 }, '"gptq"'],
  [{ quant_method: "compressed-tensors" }, '"compressed-tensors"'],
  [{ load_in_8bit: true, llm_int8_threshold: 6 }, "bitsandbytes"],
  [{ bits: 4 }, "a tool that it does not name"],
])("a config that is quantised by another tool is refused by its name: %j", (quantization_config, tool) => {
  expect(() => parseModelConfig({ model_type: "vit", quantization_config })).toThrow(
    `'quantization_config' says that the weights are already quantised, by ${tool}: take the checkpoint in floats`,
  );
});

test("a config whose field is null is read on", () => {
  expect(() => parseModelConfig({ model_type: "vit", quantization_config: null })).toThrow("image_size is missing");
});

const query = "vit.layer.0.query";

test.each([
  [`${query}.qweight`, "GPTQ or AWQ"],
  [`${query}.SCB`, "bitsandbytes"],
  [`${query}.weight.absmax`, "bitsandbytes"],
  [`${query}.weight.quant_state.bitsandbytes__nf4`, "bitsandbytes"],
  [`${query}.weight_packed`, "compressed-tensors"],
  [`${query}.weight_scale_inv`, "FP8 or compressed-tensors"],
  [`${query}.weight._data`, "quanto"],
  [`${query}.W_q`, "HQQ"],
  [`${query}.weight_scales`, "EETQ"],
])("a tensor tells which tool has quantised it: %s", (name, tool) => {
  const weights = weightsFrom({ [name]: { shape: [1], data: Float32Array.of(1) } });
  expect(() => parseModelConfig({ model_type: "vit" }, weights)).toThrow(
    `weights: tensor '${name}' tells that ${tool} has quantised this checkpoint`,
  );
});

test.each(["F4", "F8_E8M0", "I4"])("the type %s is known as one of quantised checkpoints", (dtype) => {
  const header = new TextEncoder().encode(JSON.stringify({ w: { dtype, shape: [2], data_offsets: [0, 1] } }));
  const bytes = new Uint8Array(9 + header.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
  bytes.set(header, 8);
  expect(() => parseSafetensors(bytes, "f")).toThrow(`tensor 'w': "${dtype}" means a quantised checkpoint`);
});
