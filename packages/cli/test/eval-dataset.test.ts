/** Tests the inputs of `ppt-vit eval`: labels, label files and datasets. */
import { mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { matchClasses, parseIdentifiers } from "../src/commands/eval/classes.js";
import { fingerprintOf, openDataset } from "../src/commands/eval/dataset.js";
import { parseLabelsFile } from "../src/commands/eval/labels-file.js";
import { folder, invalid } from "./input.js";

describe("labels", () => {
  const labels = ["tench, Tinca tinca", "crane", "soccer ball", "crane"];

  it.each([
    ["names, however they are written", ["Tench, Tinca tinca", "soccer_ball"], [0, 2]],
    ["one of several names", ["tinca-tinca", "SOCCER  BALL"], [0, 2]],
    ["indices", ["0", "3"], [0, 3]],
    ["indices with leading zeros", ["000", "003"], [0, 3]],
  ])("are %s", (_, names, expected) => {
    expect([...matchClasses(names, labels).values()]).toEqual(expected);
  });

  it("that are numbers themselves are names before they are indices", () => {
    expect([...matchClasses(["1", "0"], ["1", "0"]).values()]).toEqual([0, 1]);
  });

  it.each([
    ["an unknown name", ["tench", "trench"], '1 of 2 labels match no class of the model: "trench"'],
    ["the name of two classes", ["crane"], '"crane": the name of several classes of the model'],
    [
      "an index that is too large",
      ["0", "4"],
      'match no class of the model: "0", "4". The model has 4 classes, 0 to 3',
    ],
    ["WordNet identifiers", ["n01440764"], "with --classes"],
    ["very many", Array.from({ length: 9 }, (_, i) => `x${i}`), '"x4" and 4 more'],
  ])("refuse %s", (_, names, message) => {
    expect(() => matchClasses(names, labels)).toThrow(invalid(message));
  });

  it.each([
    ["lines in the model's order", "n1 tench, Tinca tinca\nn2 crane\nn3 soccer ball\nn4 crane\n"],
    ["indices", '{"n1": 0, "n2": 1, "n3": 2, "n4": 3}'],
    ["Keras's list", '{"0": ["n1", "tench"], "1": ["n2", "crane"], "2": ["n3", "soccer_ball"], "3": ["n4", "crane"]}'],
  ])("are explained by a file of %s", (_, content) => {
    const identifiers = parseIdentifiers(content, "classes", labels);
    expect([...matchClasses(["n4", "n1", "n2"], labels, identifiers)]).toEqual([
      ["n4", 3],
      ["n1", 0],
      ["n2", 1],
    ]);
  });

  it("are found by name in a file of other classes, too", () => {
    const identifiers = parseIdentifiers("n9 soccer ball\nn1 tench\n", "classes", labels);
    expect([...identifiers]).toEqual([
      ["n9", 2],
      ["n1", 0],
    ]);
    expect(() => matchClasses(["n9", "n2"], labels, identifiers)).toThrow(
      invalid('"n2": not in the classes file, which has 2 identifiers'),
    );
  });

  it.each([
    ["n1 tench\nn1 crane", "is listed twice"],
    ["n1 crane", '"crane" is not the name of one class'],
    ["n1", "has no name and no index"],
    // The file has as many lines as there are classes, but in another order, so neither position nor name fits.
    ["n1 soccer ball\nn2 crane\nn3 tench\nn4 crane\nn5 crane", '"crane" is not the name of one class'],
    ['{"n1": 4}', "class 4 does not exist: the model has 4, from 0"],
    ['{"3": ["n1", "tench"]}', '"tench" is not the name of one class of the model, or of another than its place says'],
    ['{"n1": null}', "expected an index, a name, or an identifier and a name"],
    ['{"n1": ', "JSON"],
  ])("are not explained by %s", (content, message) => {
    expect(() => parseIdentifiers(content, "classes", labels)).toThrow(invalid(message));
  });
});

describe("a labels file", () => {
  const rows = [
    { file: "a.png", label: "dog" },
    { file: "b, c.png", label: "1" },
  ];
  it.each([
    ["x.csv", 'a.png,dog\n"b, c.png",1\n'],
    ["x.csv", '\ufefflabel,size,File\r\ndog,3,a.png\r\n1,4,"b, c.png"\r\n\r\n'],
    ["x.TSV", "file\tlabel\na.png\tdog\nb, c.png\t1"],
    ["x.json", '[{"file":"a.png","label":"dog"},{"file":"b, c.png","label":1}]'],
    ["x.json", '{"a.png":"dog","b, c.png":1}'],
  ])("%s: %j", (name, content) => {
    expect(parseLabelsFile(content, name)).toEqual(rows);
  });

  it.each([
    ["x.csv", "a.png", 'x.csv: line 1: is "a.png": expected a file and a label'],
    ["x.csv", "a.png,dog,brown", "name the columns file and label in the first line"],
    ["x.csv", "file,label\na.png,", "expected a file and a label"],
    ["x.csv", 'a.png,"dog', "x.csv: "],
    ["x.csv", "a.png,dog\na.png,cat", '"a.png" is listed twice'],
    ["x.json", "[3]", "x.json: [0]: is 3, expected an object"],
    ["x.json", '[{"file":"a.png"}]', "x.json: [0].label: is missing"],
    ["x.json", '{"a.png":null}', 'x.json: "a.png": label: is null, expected a name'],
    ["x.json", "{", "x.json: "],
  ])("%s is refused: %j", (name, content, message) => {
    expect(() => parseLabelsFile(content, name)).toThrow(invalid(message));
  });
});

/** Datasets as file paths. The pictures themselves are never opened here. */
function make(...files: string[]): void {
  for (const file of files) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), file);
  }
}

describe("a dataset", () => {
  const labels = ["cat", "dog", "fish"];
  const open = (options: { limit?: number; classes?: string } = {}) => openDataset(folder, { labels, ...options });

  it("is a folder of folders, in an order of its own", async () => {
    make("dog/b.png", "dog/B.jpg", "dog/deep/a.webp", "cat/10.png", "cat/9.png", "cat/.hidden.png", "cat/notes.txt");
    make("stray.png", ".git/x.png");
    mkdirSync(join(folder, "fish"));
    symlinkSync(join(folder, "cat/9.png"), join(folder, "dog/link.png"));
    symlinkSync(join(folder, "missing.png"), join(folder, "dog/zz.png"));
    symlinkSync(folder, join(folder, "dog/circle"));
    const { samples, notes } = await open();
    expect(samples.map(({ index, file, label }) => `${index} ${file} ${label}`)).toEqual([
      "0 cat/10.png 0",
      "1 cat/9.png 0",
      "2 dog/B.jpg 1",
      "3 dog/b.png 1",
      "4 dog/deep/a.webp 1",
      "5 dog/link.png 1",
      "6 dog/zz.png 1",
    ]);
    expect(notes).toEqual(["left out: 1 picture in no class's folder", "folders without pictures: fish"]);
  });

  it("takes a limit from all of its classes", async () => {
    make(...["cat", "dog"].flatMap((label) => Array.from({ length: 10 }, (_, i) => `${label}/${i}.png`)));
    const files = async (limit: number) => (await open({ limit })).samples.map(({ file }) => file);
    expect(await files(4)).toEqual(["cat/0.png", "cat/5.png", "dog/0.png", "dog/5.png"]);
    expect(await files(1000)).toHaveLength(20);
    expect((await open({ limit: 4 })).samples.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
  });

  it("is a labels file with paths beside it", async () => {
    make("below/a.png");
    writeFileSync(join(folder, "x.csv"), "below/a.png,dog\ngone.png,fish");
    const { root, samples } = await openDataset(join(folder, "x.csv"), { labels });
    expect(root).toBe(folder);
    expect(samples).toEqual([
      { index: 0, file: "below/a.png", label: 1 },
      { index: 1, file: "gone.png", label: 2 },
    ]);
  });

  it("has another fingerprint once a name, a class or a size is another", async () => {
    make("cat/a.png", "dog/b.png");
    const dataset = await open();
    const fingerprint = await fingerprintOf(dataset);
    expect(await fingerprintOf(await open())).toBe(fingerprint);
    const [first, second] = dataset.samples;
    expect(await fingerprintOf({ root: folder, samples: [first!, { ...second!, label: 2 }] })).not.toBe(fingerprint);
    expect(await fingerprintOf({ root: folder, samples: [second!, first!] })).not.toBe(fingerprint);
    truncateSync(join(folder, "dog/b.png"), 1);
    expect(await fingerprintOf(dataset)).not.toBe(fingerprint);
    rmSync(join(folder, "dog/b.png"));
    expect(await fingerprintOf(dataset)).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each([
    ["an empty folder", [], "an empty dataset: expected a folder of pictures for each class"],
    ["empty classes", ["cat/notes.txt"], "no pictures (.jpg"],
    ["pictures without classes", ["a.png", "b.png"], "2 pictures, but no folders: put the pictures of each class"],
    ["folders that are no classes", ["train/cat/a.png"], '1 of 1 label matches no class of the model: "train"'],
  ])("refuses %s", async (_, files, message) => {
    make(...files);
    await expect(open()).rejects.toThrow(invalid(message));
  });

  it("says what is missing", async () => {
    await expect(openDataset(join(folder, "none"), { labels })).rejects.toMatchObject({ code: "NOT_FOUND" });
    make("a.txt", "cat/a.png");
    await expect(openDataset(join(folder, "a.txt"), { labels })).rejects.toThrow(
      invalid("neither a folder nor a labels file"),
    );
    await expect(open({ classes: join(folder, "none.txt") })).rejects.toMatchObject({ code: "NOT_FOUND" });
    writeFileSync(join(folder, "x.csv"), "");
    await expect(openDataset(join(folder, "x.csv"), { labels })).rejects.toThrow(invalid("lists no pictures"));
  });
});
