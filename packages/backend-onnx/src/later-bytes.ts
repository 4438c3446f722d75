/** Bytes of weights that are read or computed when a file or a runtime takes them, so that a model is in memory once. */

export interface LaterBytes {
  readonly length: number;
  /** The bytes, in memory that nothing else uses. */
  keep(): Uint8Array;
  /** The bytes, in memory that may be overwritten as soon as any other weights are read. */
  brief(): Uint8Array;
}

/** Bytes in memory, or later ones. */
export type Bytes = Uint8Array | LaterBytes;

export const keptBytes = (bytes: Bytes): Uint8Array => (bytes instanceof Uint8Array ? bytes : bytes.keep());

export const briefBytes = (bytes: Bytes): Uint8Array => (bytes instanceof Uint8Array ? bytes : bytes.brief());
