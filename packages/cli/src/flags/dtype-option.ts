/** The option `--dtype`. */
import { Option } from "commander";

export interface DtypeFlags {
  readonly dtype: "fp32" | "q8";
}

export const dtypeOption = (): Option =>
  new Option("--dtype <name>", "precision of the weights; q8 takes those of linear layers as 8-bit integers")
    .choices(["fp32", "q8"])
    .default("fp32");
