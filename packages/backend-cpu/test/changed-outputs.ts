import type { Backend, HostTensor, Tensors } from "@ppt-vit/core";

/** A backend like `backend`, but every output is changed after it was computed, as by a wrong driver. */
export function withChangedOutputs<B extends Pick<Backend, "compile">>(
  backend: B,
  change: (outputs: Tensors<HostTensor>) => Tensors<HostTensor>,
): B {
  return {
    ...backend,
    async compile(...args: Parameters<Backend["compile"]>) {
      const executable = await backend.compile(...args);
      return { ...executable, run: async (feeds: Tensors<HostTensor>) => change(await executable.run(feeds)) };
    },
  };
}
