/** Code that is loaded when it is needed: a bundler makes a file of its own of it. */
import { firstLineOf, PptError } from "./errors.js";

/** The module that an `import()` gives. @throws PptError DOWNLOAD_FAILED if its file cannot be loaded */
export async function loadedCode<Module>(loading: Promise<Module>): Promise<Module> {
  try {
    return await loading;
  } catch (cause) {
    throw new PptError(
      "DOWNLOAD_FAILED",
      `a script of ppt-vit cannot be loaded (${firstLineOf(cause)}): serve every file that the bundler wrote, and try again`,
      { cause },
    );
  }
}
