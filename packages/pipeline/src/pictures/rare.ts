/** The code of formats that few pictures have. */
import { loadedCode } from "@ppt-vit/core/backend";

export const ofAvif = () => loadedCode(import(/* lazy */ "./avif.js"));
export const ofGif = () => loadedCode(import(/* lazy */ "./gif.js"));
