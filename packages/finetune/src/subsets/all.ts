import type { Subset } from "./subset.js";

export const all: Subset = {
  name: "all",
  description: "everything",
  learningRate: 5e-5,
  trains: () => true,
};
