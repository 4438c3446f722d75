/** Errors about a missing config.json that say what is there instead. */
import { PptError } from "@ppt-vit/core";
import { loadedCode } from "@ppt-vit/core/backend";
import type { CheckpointFiles } from "./files.js";

/** The same store, whose error about a missing config.json says what is there instead. */
export function explaining(files: CheckpointFiles): CheckpointFiles {
  return {
    ...files,
    async read(file, options) {
      try {
        return await files.read(file, options);
      } catch (error) {
        if (options.optional || file !== "config.json" || !(error instanceof PptError) || error.code !== "NOT_FOUND")
          throw error;
        const { withFound } = await loadedCode(import(/* lazy */ "./found-files.js"));
        throw await withFound(files, file, error, options.signal);
      }
    },
  };
}
