/** The precisions of exported files. To add one, list it here, and its name and file in the command `ppt-vit export`. */
import type { QuantizedDtypeName } from "@ppt-vit/core";
import type { DeviceKind } from "./device-kinds.js";

interface ExportDtypeDescription {
  readonly activations: "float32" | "float16";
  /** How the weights of linear layers are stored. Left out: as the activations are. */
  readonly quantize?: QuantizedDtypeName;
  /** The devices that such a file is usually for. */
  readonly for: DeviceKind;
}

const dtypes = {
  float32: { activations: "float32", for: "any" },
  float16: { activations: "float16", for: "gpu" },
  q8: { activations: "float32", quantize: "q8", for: "cpu" },
  q4: { activations: "float32", quantize: "q4", for: "gpu" },
  q4f16: { activations: "float16", quantize: "q4", for: "gpu" },
} as const satisfies Readonly<Record<string, ExportDtypeDescription>>;

/** A precision of an exported file. */
export type ExportDtype = keyof typeof dtypes;

export const exportDtypeNames = Object.keys(dtypes) as readonly ExportDtype[];

export const exportDtype = (name: ExportDtype): ExportDtypeDescription => dtypes[name];
