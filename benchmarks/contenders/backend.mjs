/** A contender that opens a backend in a way that `--backends` has no name for. `quantize` is the precision of the weights. */
import { createVisionModel } from "@ppt-vit/core";

export const backendContender = (name, open, quantize) => ({
  name,
  prepare:
    async ({ config, weights, reduction }) =>
    async () => {
      const model = await createVisionModel({ config, weights, reduction, quantize, backend: await open() });
      return async (pixelValues, batch) => (await model.run({ pixelValues, batch })).logits.data;
    },
});
