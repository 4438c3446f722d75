/** AssemblyScript. `assemblyscript.ts` compiles it when the package is built or tested. */
declare module "*?simd" {
  const binary: Uint8Array<ArrayBuffer>;
  export default binary;
}
declare module "*?relaxed" {
  const binary: Uint8Array<ArrayBuffer>;
  export default binary;
}
declare module "*&tag" {
  const tag: string;
  export default tag;
}
