/**
 * Types of the browser's objects, by name. The declarations of this package are read with the library of a page, of a worker, or
 * of Node alone. Where a library lacks a name, as a worker's lacks `HTMLImageElement`, its type is `never`.
 */
export type PlatformType<Name extends string> = typeof globalThis extends {
  readonly [Key in Name]: { readonly prototype: infer Instance };
}
  ? Instance
  : never;
