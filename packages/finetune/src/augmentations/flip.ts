import { type Augmentation, mirrored, plainly } from "./augmentation.js";

export const flip: Augmentation = {
  name: "flip",
  description: "every second picture mirrored",
  versions: 2,
  apply: (image, version, preprocessing) => plainly(version === 1 ? mirrored(image) : image, preprocessing),
};
