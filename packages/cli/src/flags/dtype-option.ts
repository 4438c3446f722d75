/** The option `--dtype`. */
import { defaultDtype, type WeightDtypeName, weightDtypeNames, weightDtypes } from "@ppt-vit/core";
import { Option } from "commander";

export interface DtypeFlags {
  readonly dtype: WeightDtypeName;
}

const titles = weightDtypes.map(({ name, title }) => `${name}: ${title}`).join("; ");

export const dtypeOption = (): Option =>
  new Option("--dtype <name>", `precision of the weights; ${titles}`).choices(weightDtypeNames).default(defaultDtype);
