/** Recognises files of the wrong kind by their first bytes, so that an error can say what the file is. */

interface Kind {
  /** The first bytes as Latin-1 text; lower case for a text file, whose case does not matter. */
  readonly begins: readonly string[];
  /** Completes the sentence "the file is ...", and says what to do. */
  readonly is: string;
}

/** To recognise a further kind, add an entry. */
const kinds: readonly Kind[] = [
  {
    begins: ["version https://git-lfs"],
    is: "a Git LFS pointer, which only stands for the file: fetch the file itself with git lfs pull",
  },
  {
    begins: ["<!doctype", "<html", "<head", "<?xml"],
    is: "a web page, such as a login or an error: download the file itself",
  },
  { begins: ["PK\x03\x04"], is: "a zip archive, as torch.save writes: convert it to safetensors" },
  {
    begins: ["\x80\x02", "\x80\x03", "\x80\x04", "\x80\x05"],
    is: "a Python pickle, which can run code: convert it to safetensors",
  },
  { begins: ["GGUF"], is: "a GGUF file, as llama.cpp reads: take the model that it was made from" },
  { begins: ["\x89HDF"], is: "an HDF5 file, as Keras writes: convert it to safetensors" },
  { begins: ["\x1f\x8b"], is: "a gzip archive: unpack it" },
];

/** How many of the first bytes are looked at. */
export const mostKindBytes = 64;

/** What `bytes` are, as in "a web page, ...: what to do". Undefined if their beginning tells nothing. */
export function looksLike(bytes: Uint8Array): string | undefined {
  const start = String.fromCharCode(...bytes.subarray(0, mostKindBytes));
  const text = start
    .replace(/^\xef\xbb\xbf/, "")
    .trimStart()
    .toLowerCase();
  return kinds.find(({ begins }) => begins.some((one) => start.startsWith(one) || text.startsWith(one)))?.is;
}
