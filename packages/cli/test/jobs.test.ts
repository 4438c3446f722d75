/** Tests the parts of a job that need no process: formats, inputs, and the log of what was in work. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FileMetaData, parquetMetadata, parquetReadObjects, parquetSchema } from "hyparquet";
import { create } from "tar";
import { afterAll, describe, expect, it, test } from "vitest";
import type { Row, Table, VectorType } from "../src/jobs/columns.js";
import type { Format } from "../src/jobs/formats/format.js";
import { formats } from "../src/jobs/formats/index.js";
import { listPictures } from "../src/jobs/inputs/index.js";
import { type Root, readItem, rootAt, Stop } from "../src/jobs/inputs/item.js";
import { ranges } from "../src/jobs/state.js";
import { duration } from "../src/jobs/status.js";
import { openWorkLog, parseWorkLog } from "../src/jobs/work-log.js";

const home = mkdtempSync(join(tmpdir(), "ppt-vit-jobs-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const inHome = (name: string) => join(home, name);

const format = (name: string): Format => formats.find((one) => one.name === name)!;
const columns: Table["columns"] = [
  { name: "path", type: "text" },
  { name: "size", type: "integer" },
  { name: "error", type: "text" },
  { name: "labels", type: "texts" },
  { name: "scores", type: "numbers" },
  { name: "embedding", type: "vector", length: 5 },
];

/** Odd names, an error, values at the ends of both types. */
const rows: Row[] = Array.from({ length: 40 }, (_, i) => ({
  path: [`a\nb/${i}.jpg`, `ünï ☕ ${i}.png`, `"${i}",.gif`][i % 3]!,
  size: i === 7 ? null : 2 ** 40 + i,
  error: i === 7 ? "no picture [INVALID_IMAGE]" : null,
  labels: i === 7 ? null : i % 2 ? ["a", "b"] : [],
  scores: i === 7 ? null : [0.5, i],
  embedding: i === 7 ? null : Float32Array.of(i, -0.1, 65_504, 6e-8, i / 3),
}));

function written(name: string, from: readonly Row[], vectors: VectorType): Buffer[] {
  const pieces: Buffer[][] = format(name).endings.map(() => []);
  const writer = format(name).write(
    { columns, vectors, rows: from.length },
    // Copied, because a writer may use its memory again.
    pieces.map((all) => (bytes) => void all.push(Buffer.from(bytes))),
  );
  for (const row of from) writer.add(row);
  writer.end();
  return pieces.map((all) => Buffer.concat(all));
}

async function joined(name: string, sizes: readonly number[], vectors: VectorType): Promise<Buffer[]> {
  let start = 0;
  const parts = sizes.map((size, i) => {
    const files = written(name, rows.slice(start, start + size), vectors).map((bytes, j) => {
      const path = inHome(`${name}-${i}-${j}`);
      writeFileSync(path, bytes);
      return path;
    });
    start += size;
    return { files, rows: size };
  });
  const pieces: Buffer[][] = format(name).endings.map(() => []);
  const sinks = pieces.map((all) => (bytes: Uint8Array) => void all.push(Buffer.from(bytes)));
  await format(name).join({ columns, vectors, rows: start }, parts, sinks);
  return pieces.map((all) => Buffer.concat(all));
}

const bufferOf = (bytes: Buffer): ArrayBuffer => new Uint8Array(bytes).buffer;
const metadataOf = (bytes: Buffer): FileMetaData => parquetMetadata(bufferOf(bytes));
async function readParquet(bytes: Buffer) {
  const buffer = bufferOf(bytes);
  const found = await parquetReadObjects({
    file: { byteLength: buffer.byteLength, slice: (a, b) => buffer.slice(a, b) },
  });
  return found.map(({ size, ...row }) => ({
    // Lists that are null come as undefined.
    ...Object.fromEntries(Object.entries(row).map(([name, value]) => [name, value ?? null])),
    size: size === null ? null : Number(size),
  }));
}
const plain = ({ embedding, scores, ...row }: Row, halve = false) => ({
  ...row,
  scores: scores && Array.from(scores as number[], Math.fround),
  embedding:
    embedding &&
    Array.from(embedding as Float32Array, (value) =>
      halve ? expect.closeTo(value, -Math.log10(Math.abs(value) / 1000 + 1e-7)) : value,
    ),
});

describe("Parquet", () => {
  it("holds every value of a row, nulls and odd names too", async () => {
    const [file] = written("parquet", rows, "float32");
    expect(await readParquet(file!)).toEqual(rows.map((row) => plain(row)));
    expect(parquetSchema(metadataOf(file!)).children.map(({ element }) => element.name)).toEqual(
      columns.map(({ name }) => name),
    );
  });

  it("holds vectors as float16, by its name", async () => {
    const [file] = written("parquet", rows, "float16");
    const { schema } = metadataOf(file!);
    expect(schema.at(-1)).toMatchObject({ type_length: 2, logical_type: { type: "FLOAT16" } });
    expect(await readParquet(file!)).toEqual(rows.map((row) => plain(row, true)));
  });

  it("splits wide vectors into row groups, so that memory is bounded", async () => {
    const wide = { columns: [{ name: "v", type: "vector", length: 2 ** 17 }], vectors: "float32", rows: 10 } as const;
    const pieces: Buffer[] = [];
    const writer = format("parquet").write(wide, [(bytes) => void pieces.push(Buffer.from(bytes))]);
    for (let i = 0; i < wide.rows; i++) writer.add({ v: new Float32Array(2 ** 17).fill(i) });
    writer.end();
    const file = Buffer.concat(pieces);
    expect(metadataOf(file).row_groups.map(({ num_rows }) => Number(num_rows))).toEqual([4, 4, 2]);
    expect((await parquetReadObjects({ file: bufferOf(file) })).map(({ v }) => v[9])).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
    ]);
  });
});

describe.each(["parquet", "npy", "jsonl"])("joined parts of %s", (name) => {
  it("hold what one part would hold", async () => {
    const [whole, parts] = [written(name, rows, "float32"), await joined(name, [1, 16, 16, 7], "float32")];
    if (name === "parquet") expect(await readParquet(parts[0]!)).toEqual(await readParquet(whole[0]!));
    else expect(parts).toEqual(whole);
  });
});

test("npy is an array of NumPy, with NaN for an error, and lines for the rest", () => {
  const [array, lines] = written("npy", rows, "float32");
  expect(array!.toString("latin1", 0, 8)).toBe("\x93NUMPY\x01\x00");
  expect(array!.toString("latin1", 10, 70)).toContain("{'descr': '<f4', 'fortran_order': False, 'shape': (40, 5), }");
  const values = new Float32Array(bufferOf(array!.subarray(128)));
  expect(values).toHaveLength(200);
  expect([...values.subarray(35, 41)]).toEqual([NaN, NaN, NaN, NaN, NaN, 8]);
  expect(
    lines!
      .toString()
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line))[7],
  ).toEqual({
    ...{ path: rows[7]!.path, size: null, error: rows[7]!.error, labels: null, scores: null },
  });
  expect(written("npy", rows, "float16")[0]!.length).toBe(128 + 400);
});

test("a part that was cut off is no part", async () => {
  const path = inHome("cut.parquet");
  writeFileSync(path, written("parquet", rows, "float32")[0]!);
  truncateSync(path, 500);
  const table = { columns, vectors: "float32", rows: 40 } as const;
  await expect(format("parquet").join(table, [{ files: [path], rows: 40 }], [() => {}])).rejects.toMatchObject({
    code: "INVALID_INPUT",
    message: expect.stringContaining("cut.parquet: no Parquet file, or one that was cut off"),
  });
});

const listed = async (inputs: readonly string[], options: { nul?: boolean; limit?: number } = {}) =>
  listPictures(inputs, { nul: false, ...options });
const names = async (...args: Parameters<typeof listed>) => (await listed(...args)).items.map(({ name }) => name);

describe("inputs", () => {
  mkdirSync(inHome("in/sub"), { recursive: true });
  const odd = ["b 2.jpg", "a10.png", "a9.png", "sub/ü\n☕.gif", "sub/notes.txt"];
  for (const name of odd) writeFileSync(inHome(`in/${name}`), `content of ${name}`);

  test("a folder lists its pictures in the order of code units", async () => {
    expect(await names([inHome("in")])).toEqual(
      ["a10.png", "a9.png", "b 2.jpg", "sub/ü\n☕.gif"].map((name) => inHome(`in/${name}`)),
    );
    expect(await names([inHome("in")], { limit: 1 })).toEqual([inHome("in/a10.png")]);
  });

  test("a list has a path a line, from its own folder; with NUL it may hold any name", async () => {
    writeFileSync(inHome("list.txt"), "in/a9.png\r\n\n/elsewhere/x.jpg\nin/a9.png\n");
    const { items, notes } = await listed([inHome("list.txt")]);
    expect(items).toEqual([
      { name: "in/a9.png", file: inHome("in/a9.png") },
      { name: "/elsewhere/x.jpg", file: "/elsewhere/x.jpg" },
    ]);
    expect(notes).toEqual(["1 picture named more than once: taken once"]);
    writeFileSync(inHome("nul.lst"), "in/sub/ü\n☕.gif\0in/a9.png\0");
    expect(await names([inHome("nul.lst")], { nul: true })).toEqual(["in/sub/ü\n☕.gif", "in/a9.png"]);
    await expect(listed([inHome("nul.lst")])).rejects.toThrow("holds a NUL: pass --null");
  });

  test("a table names its column of paths", async () => {
    writeFileSync(inHome("t.csv"), '\ufeffid,Path\n1,"in/a9.png"\n2,"in/sub/ü\n☕.gif"\n');
    expect(await names([inHome("t.csv")])).toEqual(["in/a9.png", "in/sub/ü\n☕.gif"]);
    writeFileSync(inHome("bad.csv"), "id,name\n1,2\n");
    await expect(listed([inHome("bad.csv")])).rejects.toThrow("bad.csv: its first line has 0 columns path or file");
    writeFileSync(inHome("hole.csv"), "id,path\n1,x.png\n2,\n");
    await expect(listed([inHome("hole.csv")])).rejects.toThrow("row 3 has no path");
  });

  test("a picture that is named twice is taken once", async () => {
    const { items, notes } = await listed([inHome("in"), inHome("in/a9.png"), `${home}/in/../in/a9.png`]);
    expect(items).toHaveLength(4);
    expect(notes).toEqual(["2 pictures named more than once: taken once"]);
  });

  test.each([
    { name: "empty.txt", content: "\n\n", says: "no pictures there: an empty list or archive" },
    { name: "x.tar.gz", content: "x", says: "compressed, so that no picture can be read by itself" },
  ])("$name is refused", async ({ name, content, says }) => {
    writeFileSync(inHome(name), content);
    await expect(listed([inHome(name)])).rejects.toMatchObject({ message: expect.stringContaining(says) });
  });

  describe("a tar archive", () => {
    const long = `${"d".repeat(120)}/${"x".repeat(140)}.jpg`;
    mkdirSync(inHome(`tar/${"d".repeat(120)}`), { recursive: true });
    for (const name of ["1.jpg", "1.json", "ü\n.png", long]) writeFileSync(inHome(`tar/${name}`), `content of ${name}`);
    const archive = inHome("a.tar");
    const make = (file: string) =>
      create({ file, cwd: inHome("tar"), portable: true }, ["1.jpg", "1.json", "ü\n.png", long]);

    test("gives each picture where it is, by names of any length", async () => {
      await make(archive);
      const { items } = await listed([archive]);
      expect(items.map(({ name }) => name)).toEqual(["1.jpg", "ü\n.png", long].map((name) => `${archive}/${name}`));
      for (const item of items) {
        const bytes = await readItem(item, [], {});
        expect(`${archive}/${bytes.toString()}`).toBe(item.name.replace(`${archive}/`, `${archive}/content of `));
      }
    });

    test("that was cut off keeps what is before the cut, and says where it ends", async () => {
      await make(archive);
      const { items } = await listed([archive]);
      const cut = inHome("cut.tar");
      writeFileSync(cut, readFileSync(archive).subarray(0, items[1]!.range![0] + 3));
      const [whole, broken, ...rest] = (await listed([cut])).items;
      expect(whole).not.toHaveProperty("problem");
      expect(broken!.problem).toMatch(/cut\.tar ends within this picture, at byte \d+: it was cut off there/);
      await expect(readItem(broken!, [], {})).rejects.toMatchObject({ code: "INVALID_INPUT" });
      expect(rest).toEqual([]);
      // Cut between two pictures: only the end mark is missing.
      writeFileSync(cut, readFileSync(archive).subarray(0, items[0]!.range![0] + 512));
      expect((await listed([cut])).items.map(({ problem }) => problem)).toEqual([
        undefined,
        expect.stringContaining("without the end mark of a tar"),
      ]);
    });

    test.each([
      ["is empty", Buffer.alloc(0), "an empty file, and no tar archive"],
      ["is something else", Buffer.alloc(2048, 7), "no header of a tar at byte 0"],
    ])("that %s is one row with an error", async (_, content, problem) => {
      writeFileSync(inHome("odd.tar"), content);
      expect((await listed([inHome("odd.tar")])).items).toMatchObject([
        { name: inHome("odd.tar"), problem: expect.stringContaining(problem) },
      ]);
    });
  });

  test("what is gone with its folder stops the work, and a missing picture is only its own error", async () => {
    const missing = { name: "x.jpg", file: inHome("in/x.jpg") };
    const read = (root: Root) => readItem(missing, [root], {});
    const root = rootAt(inHome("in"));
    await expect(read(root)).rejects.toMatchObject({ code: "NOT_FOUND" });
    // A mount point stays, as another folder.
    await expect(read({ ...root, path: home })).rejects.toThrow(`${home} is not there any more`);
    await expect(read({ ...root, path: inHome("gone") })).rejects.toThrow("gone is not there any more");
    await expect(read({ ...root, path: inHome("gone") })).rejects.toBeInstanceOf(Stop);
  });
});

describe("the log of what was in work", () => {
  test.each([
    { log: "", suspects: [], guilty: [] },
    { log: "b0\nb1\nd0\nb2\n", suspects: [1, 2], guilty: [] },
    { log: "b0\nb1\nd0\nb2", suspects: [1], guilty: [] },
    { log: "b0\nb1\ne\n", suspects: [], guilty: [] },
    { log: "b0\nb1\nt0\np0\nt1\ng1\n", suspects: [], guilty: [1] },
    { log: "b0\nb1\nt0\n", suspects: [0, 1], guilty: [] },
    { log: "b0\nb1\nt0\nt0\n", suspects: [1], guilty: [0] },
    { log: "b0\nt0\np0\nt0\n", suspects: [], guilty: [] },
    { log: "b0\nt0\nt0\ng0\nb0\nx\n", suspects: [], guilty: [0] },
  ])("$log", ({ log, suspects, guilty }) => {
    const found = parseWorkLog(log);
    expect({ suspects: found.suspects, guilty: [...found.guilty] }).toEqual({ suspects, guilty });
  });
});

test("a log that cannot be written stops the work, and is no error of a picture", () => {
  const log = openWorkLog(inHome("part.work"));
  log.close();
  expect(() => log.begin(3)).toThrow(Stop);
});

test("numbers of parts and times are short", () => {
  expect(ranges([0, 3, 4, 5, 9])).toBe("0, 3-5, 9");
  expect([9.6, 190, 3900].map(duration)).toEqual(["10 s", "3 min 10 s", "1 h 05 min"]);
});
