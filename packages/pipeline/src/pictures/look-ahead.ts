/** Pictures read and decoded before they are needed, as many as a number of bytes allows. */
import { isPptError, type PptError, type RgbImage } from "@ppt-vit/core";
import type { DecodeOptions } from "./options.js";

/** What was read of a picture, and what it takes. */
export interface Fetched {
  readonly encodedBytes: number;
  /** Of its pixels as RGB. */
  readonly decodedBytes: number;
  /** What decoding takes besides, while it lasts. Default 0. */
  readonly workingBytes?: number;
}

/** How a platform gets from an input to pixels. */
export interface Pictures<Input, Encoded extends Fetched> {
  /** What messages call an input. */
  nameOf(input: Input): string;
  /** Brings into memory what an input names. @throws PptError NOT_FOUND, INVALID_IMAGE */
  fetch(input: Input, options: DecodeOptions): Promise<Encoded>;
  /**
   * Hands decoding to other threads before it returns, so that it goes on while a model keeps this one.
   * @throws PptError INVALID_IMAGE
   */
  decode(fetched: Encoded, what: string, options: DecodeOptions): Promise<RgbImage>;
}

/** A value, or the error of one picture, which does not stop the others. */
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
  /** How many pictures are decoded at most, and read, counted from the one that is needed next. */
  readonly decodeAhead: number;
  readonly readAhead: number;
  /** Bytes that pictures may take, files and pixels together. The one that is needed next is not bound to it. */
  readonly maxBytesAhead: number;
}

/** Files whose size is not known yet, and which may all be large, are read only so many at a time. */
const mostReads = 4;

/** A picture on its way. */
interface Ahead<Encoded> {
  readonly reading: Promise<Attempt<Encoded>>;
  read?: Attempt<Encoded>;
  decoding?: Promise<Attempt<RgbImage>>;
  /** What it holds now, of either kind. */
  encodedBytes: number;
  decodedBytes: number;
}

export interface LookAhead {
  /** Hands the next picture, in the order of the inputs, to `use`. What that does not keep makes room for another. */
  next<T>(use: (picture: Attempt<RgbImage>) => T | Promise<T>): Promise<T>;
}

/**
 * Reads and decodes in the order of the inputs. What is decoded next is always under way; others join it as long as what is
 * held stays within `maxBytesAhead`: files, pixels, and what decoders need. Decoding is begun whenever this thread has a
 * moment: while a run keeps it, what was begun goes on.
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
  /** Bytes of all files and pixels that are held. */
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
    // A rejection is seen when it is awaited; this only keeps it from counting as unhandled until then.
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
      // The file is not held any longer than its decoder needs it.
      delete picture.read;
      advance();
    };
    picture.decoding = attempt(() => pictures.decode(done, pictures.nameOf(inputs[index]!), options));
    picture.decoding.then(release, release);
  }

  /** Begins all that may begin. */
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
