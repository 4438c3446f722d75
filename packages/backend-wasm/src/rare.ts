/** Composites that plain ViTs do without: stems of convolutions and depth heads need them. `rarely.ts` loads this file. */
import { mapOverrides } from "@ppt-vit/backend-cpu/maps";
import type { Composites } from "@ppt-vit/core/backend";
import { convolutionOverride } from "./convolution.js";
import type { Engine } from "./engine.js";
import type { WasmStore } from "./store.js";
import { onPlaced, type WasmTensor } from "./tensor.js";

export type RareComposites = Pick<Composites<WasmTensor>, "unfold" | "convolution" | "resizeBilinear">;

export const rareComposites = (engine: Engine, store: WasmStore): RareComposites =>
  onPlaced({ ...mapOverrides(store), convolution: convolutionOverride(engine, store) });
