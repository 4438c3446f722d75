/** Shared by all fuzzers: numbers and mutations that a seed decides, so that a failure can be repeated. */

/** Random numbers in [0, 1), the same for the same seed: mulberry32. */
export type Random = () => number;

export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A whole number from 0 to below `end`. */
export const below = (end: number, random: Random): number => Math.floor(random() * end);

export const pick = <T>(from: readonly T[], random: Random): T => from[below(from.length, random)]!;

/** Numbers at the edges of what readers expect. */
const edges = [0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff];

type Mutation = (bytes: Uint8Array, random: Random) => Uint8Array;

/** A part of `bytes`, at most `most` bytes long. */
function range(bytes: Uint8Array, most: number, random: Random): [start: number, end: number] {
  const start = below(bytes.length + 1, random);
  return [start, Math.min(bytes.length, start + 1 + below(most, random))];
}

const joined = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(parts));

const noise = (length: number, random: Random) => Uint8Array.from({ length }, () => below(256, random));

/** Each mutation gets a copy that it may change. It favours the beginning, where headers are. */
const mutations: readonly Mutation[] = [
  function flipBits(bytes, random) {
    for (let n = 1 + below(8, random); n > 0 && bytes.length > 0; n--)
      bytes[placeIn(bytes, random)]! ^= 1 << below(8, random);
    return bytes;
  },
  function overwrite(bytes, random) {
    const [start, end] = range(bytes, 16, random);
    bytes.set(noise(end - start, random), start);
    return bytes;
  },
  function setEdge(bytes, random) {
    const width = pick([1, 2, 4], random);
    if (bytes.length < width) return bytes;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const at = Math.min(placeIn(bytes, random), bytes.length - width);
    const [value, little] = [pick(edges, random), random() < 0.5];
    if (width === 1) view.setUint8(at, value);
    else if (width === 2) view.setUint16(at, value, little);
    else view.setUint32(at, value, little);
    return bytes;
  },
  function cut(bytes, random) {
    return bytes.slice(0, below(bytes.length + 1, random));
  },
  function remove(bytes, random) {
    const [start, end] = range(bytes, 64, random);
    return joined(bytes.subarray(0, start), bytes.subarray(end));
  },
  function repeat(bytes, random) {
    const [start, end] = range(bytes, 64, random);
    return joined(bytes.subarray(0, end), bytes.subarray(start));
  },
  function insert(bytes, random) {
    const at = placeIn(bytes, random);
    return joined(bytes.subarray(0, at), noise(1 + below(32, random), random), bytes.subarray(at));
  },
  function fill(bytes, random) {
    const [start, end] = range(bytes, 256, random);
    return bytes.fill(pick([0, 0xff], random), start, end);
  },
];

/** A position in `bytes`. Half of the time it is among the first 64. */
const placeIn = (bytes: Uint8Array, random: Random): number =>
  below(random() < 0.5 ? Math.min(64, bytes.length) : bytes.length, random);

/** `bytes` with one to three faults. The given array is not changed. */
export function mutated(bytes: Uint8Array, random: Random): Uint8Array {
  let result = Uint8Array.from(bytes);
  for (let n = 1 + below(3, random); n > 0; n--) result = Uint8Array.from(pick(mutations, random)(result, random));
  return result;
}

/** Number of inputs that a fuzzer tries: FUZZ_ROUNDS, or `short` by default. */
export const rounds = (short: number): number => Number(process.env.FUZZ_ROUNDS ?? short);

/** The seed of a run: FUZZ_SEED, or always the same by default. */
export const seed = (): number => Number(process.env.FUZZ_SEED ?? 1);
