/** A contender that opens a backend in a way that `--backends` has no name for. */
import { createVisionModel } from "@ppt-vit/core";

export const backendContender = (name, open) => ({
  name,
  prepare:
    async ({ config, weights, reduction }) =>
    async () => {
      const model = await createVisionModel({ config, weights, reduction, backend: await open() });
      return async (pixelValues, batch) => void (await model.run({ pixelValues, batch }));
    },
});
