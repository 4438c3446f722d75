/** Where a command computes. */
import { backendNames } from "@ppt-vit/pipeline";
import { Option } from "commander";

/** Of all commands but `calibrate`. */
export const defaultBackend = "cpu";

export const backendOption = (fallback = defaultBackend): Option =>
  new Option("-b, --backend <name>", `where to compute: auto, ${backendNames.join(", ")}`).default(fallback);
