/** A part of a build by Vite: see vite-parts.ts of the core. */
import * as backend from "@ppt-vit/backend-wasm";
import { offerPart } from "@ppt-vit/core/backend";

// As a whole: Vite puts an empty module in the place of a package that is not installed.
offerPart("@ppt-vit/backend-wasm", backend);
