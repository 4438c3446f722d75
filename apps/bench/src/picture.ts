/** What the page shows to models, and the list that it comes from. */

/** What a model can look at: a picture, or a frame of the camera. */
export interface Seen {
  readonly name: string;
  readonly blob: Blob | VideoFrame;
}

export interface Picture extends Seen {
  readonly blob: Blob;
  /** A photograph among the samples. The demo model knows none. */
  readonly isPhotograph?: boolean;
}

/** The list of pictures, for other parts of the page. */
export interface Gallery {
  /** Adds a picture, numbers its name, and selects it. */
  add(blob: Blob, name: string): void;
  /** Removes a picture that could not be read, and selects the first remaining one. */
  remove(picture: Picture): void;
}
