/** A part of a build by Vite: the engine registers itself. See vite-parts.ts of the core. */
import "@tensorflow/tfjs-backend-wasm";
