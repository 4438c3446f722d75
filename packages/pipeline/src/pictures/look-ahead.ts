/** Reads and decodes pictures before they are needed, within a limit of bytes. */
import { isPptError, type PptError, type RgbImage } from "@ppt-vit/core";
import type { DecodeOptions } from "./options.js";

/** An input that has been read, and the memory that it takes. */
export interface Fetched {
  readonly encodedBytes: number;
  /** Bytes of its pixels as RGB. */
  readonly decodedBytes: number;
  /** Further bytes that its decoder needs while it runs. Default 0. */
  readonly workingBytes?: number;
}

/** How a platform turns an input into pixels. */
export interface Pictures<Input, Encoded extends Fetched> {
  /** The name of an input in messages. */
  nameOf(input: Input): string;
  /** Reads an input into memory. @throws PptError NOT_FOUND, INVALID_IMAGE */
  fetch(input: Input, options: DecodeOptions): Promise<Encoded>;
  /**
   * Hands decoding to other threads before it returns, so that decoding continues while a model blocks this thread.
   * @throws PptError INVALID_IMAGE
   */
  decode(fetched: Encoded, what: string, options: DecodeOptions): Promise<RgbImage>;
}

/** A value, or the error of one picture. Other pictures are not affected. */
export type Attempt<T> =
  | { readonly done: T; readonly failure?: undefined }
  | { readonly failure: PptError; readonly done?: undefined };

export async function attempt<T>(step: () => Promise<T> | T): Promise<Attempt<T>> {
  try {
    return { done: await step() };
  } catch (error) {
    if (!isPptError(error)) throw error;
    return { failure: error };
  }
}

export interface LookAheadOptions extends DecodeOptions {
  /** Most pictures that are decoded, and read, counted from the next one. */
  readonly decodeAhead: number;
  readonly readAhead: number;
  /** Most bytes held, files and pixels together. The next picture is exempt. */
  readonly maxBytesAhead: number;
}

/** Most files read at a time: their sizes are not known yet. */
const mostReads = 4;

/** A picture on its way. */
interface Ahead<Encoded> {
  readonly reading: Promise<Attempt<Encoded>>;
  read?: Attempt<Encoded>;
  decoding?: Promise<Attempt<RgbImage>>;
  /** Bytes that it holds now. */
  encodedBytes: number;
  decodedBytes: number;
}

export interface LookAhead {
  /** Gives the next picture, in the order of the inputs, to `use`. Afterwards its bytes count as free. */
  next<T>(use: (picture: Attempt<RgbImage>) => T | Promise<T>): Promise<T>;
}

/**
 * Reads and decodes in the order of the inputs. The next picture is always decoded; others are decoded as well while files,
 * pixels and decoders together stay within `maxBytesAhead`. Only this thread can start a decoding: while a run blocks it,
 * those already started continue.
 */
export function lookAhead<Input, Encoded extends Fetched>(
  pictures: Pictures<Input, Encoded>,
  inputs: readonly Input[],
  options: LookAheadOptions,
): LookAhead {
  const { decodeAhead, readAhead, maxBytesAhead } = options;
  const ahead = new Map<number, Ahead<Encoded>>();
  let position = 0;
  let [nextRead, nextDecode] = [0, 0];
  let reads = 0;
  /** Bytes held: files, pixels, and the memory of running decoders. */
  let held = 0;

  function startReading(index: number): void {
    const input = inputs[index]!;
    reads++;
    const picture: Ahead<Encoded> = {
      reading: attempt(() => pictures.fetch(input, options)).then((read) => {
        reads--;
        picture.read = read;
        picture.encodedBytes = read.done?.encodedBytes ?? 0;
        held += picture.encodedBytes;
        advance();
        return read;
      }),
      encodedBytes: 0,
      decodedBytes: 0,
    };
    // `next` awaits the promise later. Until then a rejection must not count as unhandled.
    picture.reading.catch(() => {});
    ahead.set(index, picture);
  }

  function startDecoding(index: number, picture: Ahead<Encoded>): void {
    const { done, failure } = picture.read!;
    if (failure) {
      picture.decoding = Promise.resolve({ failure });
      return;
    }
    picture.decodedBytes = done.decodedBytes;
    const working = done.workingBytes ?? 0;
    held += picture.decodedBytes + working;
    const release = () => {
      held -= picture.encodedBytes + working;
      picture.encodedBytes = 0;
      // The file is not needed after decoding.
      delete picture.read;
      advance();
    };
    picture.decoding = attempt(() => pictures.decode(done, pictures.nameOf(inputs[index]!), options));
    picture.decoding.then(release, release);
  }

  /** Starts all reads and decodings that the limits allow. */
  function advance(): void {
    while (
      nextRead < inputs.length &&
      nextRead < position + readAhead &&
      reads < mostReads &&
      (nextRead === position || held < maxBytesAhead)
    )
      startReading(nextRead++);
    for (;;) {
      const picture = ahead.get(nextDecode);
      if (!picture?.read || nextDecode >= position + decodeAhead) return;
      const { decodedBytes = 0, workingBytes = 0 } = picture.read.done ?? {};
      const bytes = decodedBytes + workingBytes;
      if (nextDecode !== position && held + bytes > maxBytesAhead) return;
      startDecoding(nextDecode++, picture);
    }
  }

  return {
    async next(use) {
      advance();
      const picture = ahead.get(position)!;
      await picture.reading;
      advance();
      const result = await use(await picture.decoding!);
      ahead.delete(position++);
      held -= picture.decodedBytes;
      advance();
      return result;
    },
  };
}
