/** Tests what a calibration says about pictures that are too few, or unlike those that a model usually sees. */
import { describe, expect, it } from "vitest";
import { classes } from "../src/calibrate/answers/classes.js";
import { embeddings } from "../src/calibrate/answers/embeddings.js";
import { withoutCopies } from "../src/calibrate/copies.js";
import { noticesAbout } from "../src/calibrate/notices.js";

const labels = Array.from({ length: 10 }, (_, i) => `class ${i}`);
/** A picture of some mean, unlike every other one. */
const picture = (mean: number, seed: number) =>
  Float32Array.from({ length: 3 * 64 }, (_, i) => mean + Math.sin(seed + 7 * i));
const answer = (label: number) => Float32Array.from(labels, (_, i) => (i === label ? 1 : 0));

const about = (count: number, labelOf: (i: number) => number, meanOf: (i: number) => number, kind = classes) =>
  noticesAbout({
    pictures: Array.from({ length: count }, (_, i) => picture(meanOf(i), i)),
    answers: Array.from({ length: count }, (_, i) => answer(labelOf(i))),
    ...{ copies: 0, kind, labels },
  });
const spread = (i: number) => ((i % 8) - 3.5) / 10;

describe("pictures", () => {
  it("that are many and of many kinds need no words", () => {
    expect(about(64, (i) => i % 10, spread)).toEqual([]);
  });

  it("that are few are told", () => {
    expect(about(12, (i) => i % 10, spread)).toEqual([expect.stringContaining("12 pictures: from so few")]);
    expect(about(1, () => 0, spread)).toEqual([expect.stringContaining("1 picture: fewer than 8 are all searched on")]);
  });

  it("of one class, or of few, are told, but not of a model without classes", () => {
    const one = about(64, (i) => (i % 10 === 0 ? 1 : 3), spread);
    expect(one).toEqual([expect.stringContaining("57 of 64 pictures are 'class 3' to the model")]);
    expect(about(64, (i) => i % 2, spread)).toEqual([expect.stringContaining("2 of the model's 10 classes")]);
    expect(about(64, () => 3, spread, embeddings)).toEqual([]);
  });

  it("that are dark, or all alike, are told", () => {
    expect(
      about(
        64,
        (i) => i % 10,
        (i) => spread(i) - 1.6,
      ),
    ).toEqual([expect.stringMatching(/darker than preprocessing expects, by 1\.6 standard deviations/)]);
    expect(
      about(
        64,
        (i) => i % 10,
        () => 0,
      ),
    ).toEqual([expect.stringContaining("equally bright")]);
  });

  it("that are copies are left out, and told", () => {
    const [one, other] = [picture(0.1, 1), picture(0.1, 2)];
    // Equal where the fingerprint looks.
    const near = one.map((value, i) => (i === 1 ? value + 1 : value));
    expect(withoutCopies([one, other, one.slice(), near, other.slice()])).toEqual([one, other, near]);
    const notices = noticesAbout({
      pictures: Array.from({ length: 40 }, (_, i) => picture(spread(i), i)),
      answers: Array.from({ length: 40 }, (_, i) => answer(i % 10)),
      ...{ copies: 2, kind: classes, labels },
    });
    expect(notices).toEqual(["2 pictures are copies of others, and were left out"]);
  });
});
