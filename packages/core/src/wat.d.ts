/** WebAssembly in its text format, which `scripts/wat.mjs` assembles when the package is built or tested. */
declare module "*.wat" {
  const binary: Uint8Array<ArrayBuffer>;
  export default binary;
}
