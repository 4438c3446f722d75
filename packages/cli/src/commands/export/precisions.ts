/** The precisions that `ppt-vit export` writes. The names of the files also say which files an export may replace. */
import type { ExportDtype } from "@ppt-vit/backend-onnx";

interface ExportedPrecision {
  /** Its name in `exportOnnx`. */
  readonly dtype: ExportDtype;
  /** The end of the file's name, as transformers.js looks for it. */
  readonly suffix: string;
}

export const precisions = {
  fp32: { dtype: "float32", suffix: "" },
  fp16: { dtype: "float16", suffix: "_fp16" },
  q8: { dtype: "q8", suffix: "_quantized" },
  q4: { dtype: "q4", suffix: "_q4" },
  q4f16: { dtype: "q4f16", suffix: "_q4f16" },
} as const satisfies Readonly<Record<string, ExportedPrecision>>;

/** The name of a precision, as `--dtype` and transformers.js call it. */
export type Precision = keyof typeof precisions;

export const precisionNames = Object.keys(precisions) as readonly Precision[];
