import { expect, test } from "vitest";
import { parseModelConfig, parseSafetensors, weightsFrom } from "../src/index.js";

test.each([
  [{ quant_method: "gptq", bits: 4 }, '"gptq"'],
  [{ quant_method: "compressed-tensors" }, '"compressed-tensors"'],
  [{ load_in_8bit: true, llm_int8_threshold: 6 }, "bitsandbytes"],
  [{ bits: 4 }, "a tool that it does not name"],
  ["int8", "a tool that it does not name"],
  [[], "a tool that it does not name"],
])("a config that is quantised by another tool is refused by its name: %j", (settings, tool) => {
  const says = (field: string) =>
    `'${field}' says that the weights are already quantised, by ${tool}: take the checkpoint in floats`;
  for (const field of ["quantization_config", "compression_config"]) {
    expect(() => parseModelConfig({ model_type: "vit", [field]: settings })).toThrow(says(field));
    for (const tower of ["vision_config", "text_config"])
      expect(() => parseModelConfig({ model_type: "clip", [tower]: { [field]: settings } })).toThrow(
        says(`${tower}.${field}`),
      );
  }
});

test.each([null, false])("a config whose field is %j is read on", (quantization_config) => {
  const config = { model_type: "vit", quantization_config, vision_config: { quantization_config } };
  expect(() => parseModelConfig(config)).toThrow("image_size is missing");
});

const query = "vit.layer.0.query";

test.each([
  [`${query}.qweight`, "GPTQ or AWQ"],
  [`${query}.SCB`, "bitsandbytes"],
  [`${query}.weight.absmax`, "bitsandbytes"],
  [`${query}.weight.quant_state.bitsandbytes__nf4`, "bitsandbytes"],
  [`${query}.weight_packed`, "compressed-tensors"],
  [`${query}.weight_scale_inv`, "FP8 or compressed-tensors"],
  [`${query}.weight_scale_2`, "FP8 or compressed-tensors"],
  [`${query}.weight:_data`, "torchao"],
  [`${query}._weight_qdata`, "torchao"],
  [`${query}.codebooks`, "AQLM or VPTQ"],
  [`${query}._packed_params.dtype`, "PyTorch's quantisation"],
  [`${query}.weight._data`, "quanto"],
  [`${query}.W_q`, "HQQ"],
  [`${query}.weight_scales`, "EETQ"],
])("a tensor tells which tool has quantised it: %s", (name, tool) => {
  const weights = weightsFrom({ [name]: { shape: [1], data: Float32Array.of(1) } });
  expect(() => parseModelConfig({ model_type: "vit" }, weights)).toThrow(
    `weights: tensor '${name}' tells that ${tool} has quantised this checkpoint`,
  );
});

/** A file with one tensor of zeros. */
function fileOf(dtype: string, bytes: number): Uint8Array {
  const header = new TextEncoder().encode(JSON.stringify({ w: { dtype, shape: [2], data_offsets: [0, bytes] } }));
  const file = new Uint8Array(8 + header.length + bytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true);
  file.set(header, 8);
  return file;
}

test.each(["F4", "F8_E8M0", "F8_E4M3FNUZ", "I4"])("the type %s is known as one of quantised checkpoints", (dtype) => {
  expect(() => parseSafetensors(fileOf(dtype, 1), "f")).toThrow(`tensor 'w': "${dtype}" means a quantised checkpoint`);
});

test.each(["I8", "U8", "F8_E4M3", "F8_E5M2"])("a tensor of type %s is refused when it is read", (dtype) => {
  expect(() => parseSafetensors(fileOf(dtype, 2), "f").read("w")).toThrow(
    `f: tensor 'w' is ${dtype}; F32, F16, BF16 can be read: quantised checkpoints hold such`,
  );
});
