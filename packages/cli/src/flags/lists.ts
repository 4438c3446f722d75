/** Options whose value is a list. */
import { InvalidArgumentError } from "commander";

/** `a,b` or `a, b`. Empty parts are left out. @throws InvalidArgumentError if a part is there twice, which is a slip */
export function partsOf(text: string): string[] {
  const parts = text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
  const again = parts.find((part, i) => parts.indexOf(part) < i);
  if (again !== undefined) throw new InvalidArgumentError(`'${again}' is there twice: name it once.`);
  return parts;
}
