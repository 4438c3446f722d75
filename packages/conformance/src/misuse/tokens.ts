/** Shapes and options that the composites of token reduction must refuse. */
import { type Misuse, wrong } from "./case.js";

export const tokenComposites: readonly Misuse[] = [
  { name: "rankDescending of tokens", mentions: ["x is [3,7,12]", "[B,N]"], apply: (o, x) => o.rankDescending(x.x!) },
  {
    name: "rankDescending behind more elements than there are",
    mentions: ["leading is 8", "from 0 to 7"],
    apply: (o, x) => o.rankDescending(x.flat!, 8),
  },
  {
    name: "rankDescending behind half an element",
    mentions: ["leading is 0.5"],
    apply: (o, x) => o.rankDescending(x.flat!, 0.5),
  },
  {
    name: "pickPartners of keys in two dimensions",
    mentions: ["keys is [3,7]", "[B,N,d]"],
    apply: (o, x) => o.pickPartners(x.flat!, { firstCandidate: 0, firstPartner: 1, firstRow: 0 }),
  },
  {
    name: "pickPartners from a position that is none",
    mentions: ["firstPartner is 7", "from 0 to 6"],
    apply: (o, x) => o.pickPartners(x.x!, { firstCandidate: 0, firstPartner: 7, firstRow: 0 }),
  },
  {
    name: "pickPartners without sets",
    code: "INVALID_OPTION",
    mentions: ["sets", "undefined"],
    apply: (o, x) => o.pickPartners(x.x!, wrong(undefined)),
  },
  {
    name: "argMax of a number",
    mentions: ["x is []"],
    apply: (o, x) => o.argMax(o.reshape(o.slice(x.gain!, 0, 0, 1), [])),
  },
  {
    name: "compressTokens by destinations of one image",
    mentions: ["averaged is [3,7,12]", "[1,7,C]", "destination [1,7]"],
    apply: (o, x) => o.compressTokens(x.oneFlat!, 4, { averaged: x.x!, summed: [] }),
  },
  {
    name: "compressTokens of sums by destinations of one image",
    mentions: ["summed[0] is [3,7,12]", "destination [1,7]"],
    apply: (o, x) => o.compressTokens(x.oneFlat!, 4, { summed: [x.x!] }),
  },
  {
    name: "compressTokens of sizes by destinations of one image",
    mentions: ["size is [3,7,1]", "destination [1,7]"],
    apply: (o, x) => o.compressTokens(x.oneFlat!, 4, { size: x.size!, summed: [] }),
  },
  {
    name: "compressTokens of averages common to all images",
    mentions: ["averaged is [1,7,12]", "[3,7,C]"],
    apply: (o, x) => o.compressTokens(x.flat!, 4, { averaged: x.one!, summed: [] }),
  },
  {
    name: "compressTokens of other tokens",
    mentions: ["averaged is [3,5,12]", "[3,7,C]"],
    apply: (o, x) => o.compressTokens(x.flat!, 4, { averaged: x.keys!, summed: [] }),
  },
  {
    name: "compressTokens of sizes in two dimensions",
    mentions: ["size is [3,7]", "[3 or 1,7,1]"],
    apply: (o, x) => o.compressTokens(x.flat!, 4, { size: x.flat!, summed: [] }),
  },
  {
    name: "compressTokens to more rows than tokens",
    mentions: ["count is 8", "7"],
    apply: (o, x) => o.compressTokens(x.flat!, 8, { summed: [] }),
  },
  {
    name: "compressTokens to half a row",
    mentions: ["count is 1.5"],
    apply: (o, x) => o.compressTokens(x.flat!, 1.5, { summed: [] }),
  },
  {
    name: "compressTokens by destinations in three dimensions",
    mentions: ["destination is [3,7,1]", "[B,N]"],
    apply: (o, x) => o.compressTokens(x.size!, 4, { summed: [] }),
  },
  {
    name: "compressTokens without sums",
    code: "INVALID_INPUT",
    mentions: ["summed", "undefined"],
    apply: (o, x) => o.compressTokens(x.flat!, 4, wrong({ averaged: x.x! })),
  },

  {
    name: "compressTokens to no rows",
    mentions: ["count is 0"],
    apply: (o, x) => o.compressTokens(x.flat!, 0, { summed: [] }),
  },
  {
    name: "compressTokens of nothing",
    code: "INVALID_INPUT",
    mentions: ["tokens", "undefined"],
    apply: (o, x) => o.compressTokens(x.flat!, 4, wrong(undefined)),
  },
  {
    name: "compressTokens of a sum of other tokens",
    mentions: ["summed[1] is [3,5,12]"],
    apply: (o, x) => o.compressTokens(x.flat!, 4, { summed: [x.x!, x.keys!] }),
  },
  {
    name: "compressTokens of sizes of two features",
    mentions: ["size is [3,7,12]", "[3 or 1,7,1]"],
    apply: (o, x) => o.compressTokens(x.flat!, 4, { size: x.x!, summed: [] }),
  },
];
