/** The formats of parts. To add one, import it and list it here. */
import type { Format } from "./format.js";
import { jsonl } from "./jsonl.js";
import { npy } from "./npy.js";
import { parquet } from "./parquet.js";

/** The first is the default. */
export const formats: readonly Format[] = [parquet, npy, jsonl];
