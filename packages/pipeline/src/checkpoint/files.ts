/** Where the files of a checkpoint come from. */
import type { RandomAccessFile } from "@ppt-vit/core";

export interface ReadFileOptions {
  /** Whether the file may be missing. */
  readonly optional: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Called as bytes arrive; `total` is 0 while it is not known. */
  readonly onProgress?: (loadedBytes: number, totalBytes: number) => void;
}

/** The files of a checkpoint: in a folder, at an address, on the Hub, in a dropped folder, or in a store of your own. */
export interface CheckpointFiles {
  /** What results and messages call the checkpoint. */
  readonly name: string;
  /**
   * The bytes of one file; undefined if it is optional and missing.
   * @throws PptError NOT_FOUND if it cannot be read
   */
  read(file: string, options: ReadFileOptions): Promise<Uint8Array | undefined>;
  /**
   * The same for a file of weights, of which only parts are in memory at a time. The file must stay as it is while they are
   * read. Optional: without it the whole file is read.
   */
  open?(file: string, options: ReadFileOptions): Promise<RandomAccessFile | undefined>;
  /** Lists what is there, so that an error about a missing file can say it. Optional: not every store can list. */
  look?(options: Pick<ReadFileOptions, "signal">): Promise<FoundFiles | undefined>;
}

/** What a store holds, for messages about what is missing. */
export interface FoundFiles {
  /** File names, those in folders with `/`; at most a few thousand. */
  readonly names: readonly string[];
  /** Ids of the models that this one was made from, if the store knows them. */
  readonly baseModels?: readonly unknown[];
  /** Tells how a folder below this one is loaded instead: `pass ./parent/sub`. */
  readonly useFolder: (folder: string) => string;
  /** What is there instead of a folder, as in `it is a file: pass its folder`. */
  readonly instead?: string;
}
