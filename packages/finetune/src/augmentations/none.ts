import { type Augmentation, plainly } from "./augmentation.js";

export const none: Augmentation = {
  name: "none",
  description: "every picture as it is",
  versions: 1,
  apply: (image, _, preprocessing) => plainly(image, preprocessing),
};
