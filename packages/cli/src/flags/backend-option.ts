/** The option `--backend`. */
import { backendNames } from "@ppt-vit/pipeline";
import { type Command, Option } from "commander";
import { isModule, registerModule } from "./backend-module.js";

/** The default of all commands: the best backend that is installed and computes rightly. */
export const defaultBackend = "auto";

export const backendOption = (): Option =>
  new Option(
    "-b, --backend <name>",
    `where to compute: auto, ${backendNames.join(", ")}, or the path of a module that exports a backend`,
  ).default(defaultBackend);

/** Makes the backend of `--backend ./module.js` known by that name. @throws PptError what `registerModule` throws */
export async function loadBackendModule(command: Command): Promise<void> {
  const { backend } = command.opts<{ backend?: string }>();
  if (backend !== undefined && isModule(backend)) await registerModule(backend);
}
