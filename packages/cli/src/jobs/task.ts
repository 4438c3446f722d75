/** What a command does with the pictures of a job. */

import type { PptError, VisionModelConfig } from "@ppt-vit/core";
import type { Checkpoint, PictureSource } from "@ppt-vit/pipeline";
import type { Column, Row } from "./columns.js";

/** The result of one picture: the values of the command's columns, or what is wrong with it. */
export type Result = { readonly values: Row; readonly latencyMs: number } | { readonly error: PptError };

/** A model that is loaded, and what it makes of pictures. */
export interface OpenTask {
  /** The backend that computes, by name. */
  readonly backend: string;
  /** All options on which its rows depend, by name. */
  readonly settings: Readonly<Record<string, unknown>>;
  /**
   * Results in the order of the pictures, which are read and decoded ahead within a limit of bytes.
   * @param first the place of the first picture in the job; undefined if the results are only tried
   */
  run(pictures: readonly PictureSource[], first?: number): AsyncIterable<Result>;
  dispose(): Promise<void>;
}

/** A command that works as a job. */
export interface Task {
  /** The name of the command. */
  readonly command: string;
  /** Reads the checkpoint, to tell it from others by its content. */
  readCheckpoint(): Promise<Checkpoint>;
  /** The columns besides the common ones. */
  columns(config: VisionModelConfig): readonly Column[];
  /** @param backend the name of a backend, or `auto` */
  open(backend: string): Promise<OpenTask>;
}
