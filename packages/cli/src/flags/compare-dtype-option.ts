/** The option `--compare-dtype`. */
import { defaultDtype, PptError, type QuantizedDtypeName, quantizedDtypeNames } from "@ppt-vit/core";
import { InvalidArgumentError, Option } from "commander";
import type { DtypeFlags } from "./dtype-option.js";
import { partsOf } from "./lists.js";

export interface CompareDtypeFlags extends DtypeFlags {
  readonly compareDtype?: readonly QuantizedDtypeName[];
}

/** `q8,q4`, in the order of the table. fp32 may be named too, because it is always there. */
function dtypes(text: string): QuantizedDtypeName[] {
  const names = partsOf(text);
  const known: readonly string[] = [defaultDtype, ...quantizedDtypeNames];
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new InvalidArgumentError(
      `'${unknown}' is none of ${quantizedDtypeNames.join(", ")}. Join several by commas.`,
    );
  const found = quantizedDtypeNames.filter((dtype) => names.includes(dtype));
  if (found.length === 0)
    throw new InvalidArgumentError(
      `${defaultDtype} is what the others are compared with: name ${quantizedDtypeNames.join(" or ")}.`,
    );
  return found;
}

export const compareDtypeOption = (): Option =>
  new Option(
    "--compare-dtype <list>",
    `compare these precisions of the weights with ${defaultDtype}: ${quantizedDtypeNames.join(",")}`,
  ).argParser(dtypes);

/** Refuses a precision for the model that the others are compared with. @throws PptError INVALID_OPTION */
export function refuseOtherReference({ dtype, compareDtype }: CompareDtypeFlags): void {
  if (compareDtype && dtype !== defaultDtype)
    throw new PptError(
      "INVALID_OPTION",
      `--compare-dtype compares with the model in ${defaultDtype}, and --dtype ${dtype} asks for another one: leave --dtype out`,
    );
}
