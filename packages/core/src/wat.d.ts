/** WebAssembly in its text format. `wat.ts` assembles it when the package is built or tested. */
declare module "*.wat" {
  const binary: Uint8Array<ArrayBuffer>;
  export default binary;
}
