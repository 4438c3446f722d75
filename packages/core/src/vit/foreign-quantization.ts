/** Refuses checkpoints whose weights another tool has quantised: their integers mean nothing without that tool. */
import { PptError } from "../errors.js";
import { fieldsOf, quote } from "../io/json.js";
import { show } from "../show.js";

/** Ends of tensor names that only quantised checkpoints have, by the tool that writes them. */
const marks: readonly (readonly [tool: string, end: RegExp])[] = [
  ["GPTQ or AWQ", /\.(qweight|qzeros|g_idx)$/],
  ["bitsandbytes", /\.(SCB|weight_format|(nested_)?absmax|(nested_)?quant_map|quant_state\.[^.]+)$/],
  ["compressed-tensors", /\.(weight_packed|weight_shape|weight_zero_point|weight_global_scale)$/],
  ["torchao", /(:_?|\._weight_)(q?data|scale|zero_point)$/],
  ["AQLM or VPTQ", /\.(codebooks|codes|centroids)$/],
  ["quanto", /\.(weight\._data|weight\._scale|weight\._shift|weight_qtype|activation_qtype)$/],
  ["HQQ", /\.W_q$/],
  ["EETQ", /\.weight_scales$/],
  ["PyTorch's quantisation", /\._packed_params(\.|$)/],
  [
    "FP8 or compressed-tensors",
    /\.(weight_scale(_inv|_2)?|(input|output)(_global)?_scale|input_scale_ub|activation_scale)$/,
  ],
];

const takeOriginal =
  'take the checkpoint in floats that it was made from, and load that with dtype: "q8" or "q4" (--dtype)';

/** Fields of a `config.json` that say how weights are quantised. The second is that of older files of compressed-tensors. */
const settingsFields = ["quantization_config", "compression_config"] as const;

/**
 * Refuses a `config.json` that says how its weights are quantised, or those of one of its towers.
 * @throws PptError INVALID_CONFIG
 */
export function refuseQuantizedConfig(json: unknown): void {
  const fields = fieldsOf(json) ?? new Map<string, unknown>();
  for (const name of settingsFields) {
    refuseSettings(name, fields.get(name));
    for (const [tower, inner] of fields) refuseSettings(`${tower}.${name}`, fieldsOf(inner)?.get(name));
  }
}

function refuseSettings(field: string, settings: unknown): void {
  if (settings === undefined || settings === null || settings === false) return;
  throw new PptError(
    "INVALID_CONFIG",
    `${quote(field)} says that the weights are already quantised, by ${toolOf(fieldsOf(settings))}: ${takeOriginal}`,
  );
}

/** Older files of bitsandbytes name no method. */
function toolOf(settings: ReadonlyMap<string, unknown> = new Map()): string {
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
