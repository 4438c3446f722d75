/** A part: it is loaded where the engine has these instructions. */
export { default as binary } from "../../assembly/index.ts?relaxed";
