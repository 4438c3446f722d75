/** The device of this package. Only data: the pipeline holds a copy, and knows it where this package is not installed. */
import type { BackendDescription } from "@ppt-vit/core/backend";

/** Last in every automatic choice: it needs nothing and is the slowest. */
export const devices: readonly BackendDescription[] = [{ name: "cpu", rank: { node: 1000, browser: 1000 } }];
