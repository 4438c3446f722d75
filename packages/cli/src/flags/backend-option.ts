/** The option `--backend`. */
import { backendNames } from "@ppt-vit/pipeline";
import { Option } from "commander";

/** The default of all commands except `calibrate`, whose default is `auto`. */
export const defaultBackend = "cpu";

export const backendOption = (fallback = defaultBackend): Option =>
  new Option("-b, --backend <name>", `where to compute: auto, ${backendNames.join(", ")}`).default(fallback);
