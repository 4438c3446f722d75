/** Refuses checkpoints whose weights another tool has quantised: their integers mean nothing without that tool. */
import { PptError } from "../errors.js";
import { fieldsOf, quote } from "../io/json.js";
import { show } from "../show.js";

/** Ends of tensor names that only quantised checkpoints have, by the tool that writes them. */
const marks: readonly (readonly [tool: string, end: RegExp])[] = [
  ["GPTQ or AWQ", /\.(qweight|qzeros|g_idx)$/],
  ["bitsandbytes", /\.(SCB|weight_format|(nested_)?absmax|(nested_)?quant_map|quant_state\.[^.]+)$/],
  ["compressed-tensors", /\.(weight_packed|weight_shape|weight_zero_point|weight_global_scale)$/],
  ["quanto", /\.(weight\._data|weight\._scale|weight\._shift|weight_qtype|activation_qtype)$/],
  ["HQQ", /\.W_q$/],
  ["EETQ", /\.weight_scales$/],
  ["PyTorch's quantisation", /\._packed_params(\.|$)/],
  ["FP8 or compressed-tensors", /\.(weight_scale|weight_scale_inv|input_scale)$/],
];

const takeOriginal =
  'take the checkpoint in floats that it was made from, and load that with dtype: "q8" or "q4" (--dtype)';

/**
 * Refuses a `config.json` that says how its weights are quantised.
 * @throws PptError INVALID_CONFIG
 */
export function refuseQuantizedConfig(json: unknown): void {
  const settings = fieldsOf(fieldsOf(json)?.get("quantization_config"));
  if (!settings) return;
  throw new PptError(
    "INVALID_CONFIG",
    `'quantization_config' says that the weights are already quantised, by ${toolOf(settings)}: ${takeOriginal}`,
  );
}

/** Older files of bitsandbytes name no method. */
function toolOf(settings: ReadonlyMap<string, unknown>): string {
  const method = settings.get("quant_method");
  if (method !== undefined && method !== null) return show(method);
  const ofBitsandbytes = [...settings.keys()].some((key) => /^(_?load_in_[48]bit|bnb_)/.test(key));
  return ofBitsandbytes ? "bitsandbytes" : "a tool that it does not name";
}

/**
 * Refuses tensors whose names tell that they are quantised.
 * @throws PptError INVALID_WEIGHTS
 */
export function refuseQuantizedTensors(names: readonly string[]): void {
  for (const name of names)
    for (const [tool, end] of marks)
      if (end.test(name))
        throw new PptError(
          "INVALID_WEIGHTS",
          `weights: tensor ${quote(name)} tells that ${tool} has quantised this checkpoint: ${takeOriginal}`,
        );
}
