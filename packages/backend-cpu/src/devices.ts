/** The device of this package, as plain data. The pipeline bundles a copy, so it knows the device without this package. */
import type { BackendDescription } from "@ppt-vit/core/backend";

/** It is last in every automatic choice, because it needs nothing and is the slowest. */
export const devices: readonly BackendDescription[] = [
  // Images per second here and in the other packages: demo model with PPT, batch 1, in benchmarks/results/runs.ndjson, line 6.
  {
    name: "cpu",
    title: "Plain TypeScript",
    rank: { node: 1000, browser: 1000 },
    imagesPerSecond: { node: 1.76 },
  },
];
