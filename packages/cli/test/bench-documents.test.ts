/** Tests reading results of `ppt-vit bench`: single documents, and files with one result a line. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  fileForResult,
  parseDocument,
  parseFile,
  readDocument,
  readRecorded,
  writeDocument,
} from "../src/commands/bench/documents.js";
import { renderReport } from "../src/commands/bench/report.js";
import { folder, invalid } from "./input.js";
import { benchDocument, type Path, withValue } from "./valid-documents.js";

describe("a result of bench", () => {
  it.each<[Path, unknown, string]>([
    [["results", 1, "policy"], "unreduced", "results[1]: is the cell of results[0] again"],
    [
      ["failures", 0],
      { ...benchDocument().results[0], code: "X", message: "" },
      "failures[0]: is the cell of results[0]",
    ],
    [["results", 0, "policy"], "__proto__", 'results[0].policy: is "__proto__", expected one of unreduced, ppt'],
    [["results", 1, "ratios", 0, "quartiles"], [1], "results[1].ratios[0].quartiles[1]: is nothing"],
    [["measurements", 0, "facts"], { ["x".repeat(9000)]: 1 }, 'measurements[0].facts["xxx'],
    [["benchmark"], "../x", 'benchmark: is "../x", expected lower-case letters'],
    [["hardware", "loadBefore"], -1, "hardware.loadBefore: is -1, expected a load of 0 to 1000000, or null"],
    [["results", 0, "p90Ms"], 1, "results[0].p90Ms: is 1, expected at least medianMs, 101"],
    [["results", 0, "medianMs"], 0, "results[0].medianMs: is 0"],
    [["date"], "2026-13-01T00:00:00.000Z", "date: is"],
    [["date"], "yesterday", 'date: is "yesterday", expected a date'],
  ])("with %j = %j is refused", (path, value, message) => {
    const text = JSON.stringify(withValue(benchDocument(), path, value));
    expect(() => parseDocument(text, "x.json")).toThrow(invalid(`x.json: ${message}`));
  });

  it("that is damaged is not passed over in a folder, as others are", () => {
    writeFileSync(join(folder, "a.json"), JSON.stringify(benchDocument()));
    writeFileSync(join(folder, "b.json"), '{"benchmark":"another"}');
    writeFileSync(join(folder, "c.json"), "no JSON");
    expect(readRecorded([folder])).toMatchObject({ documents: [{}], others: ["b.json", "c.json"] });
    for (const text of ['{"format":"ppt-vit bench"}', JSON.stringify(benchDocument()).slice(0, -1)]) {
      writeFileSync(join(folder, "d.json"), text);
      expect(() => readRecorded([folder])).toThrow(invalid("d.json: "));
    }
  });

  describe("in a file of lines", () => {
    const line = JSON.stringify(benchDocument());
    const file = () => join(folder, "runs.ndjson");

    it.each([
      [`${line}\n${line.slice(0, -1)}`, "line 2: does not end with a newline"],
      [`${line}\n${line.slice(0, -1)}\n`, "line 2: is not JSON"],
      [`${line}\n\n`, "line 2: is not JSON"],
      [`${line}\n{}\n`, "line 2: not a result of ppt-vit bench"],
      [
        `${line}\n${JSON.stringify(withValue(benchDocument(), ["results", 0, "medianMs"], -1))}\n`,
        "line 2: results[0].medianMs: is -1",
      ],
    ])("is refused with its number: %#", (text, message) => {
      expect(() => parseFile(text, "x.ndjson")).toThrow(invalid(`x.ndjson: ${message}`));
      writeFileSync(file(), text);
      for (const read of [() => readRecorded([folder]), () => fileForResult(folder, "runs")])
        expect(read).toThrow(invalid(`runs.ndjson: ${message}`));
    });

    it("is added behind those that are there", () => {
      expect(writeDocument(fileForResult(folder, "runs"), benchDocument())).toBe(`${file()}#1`);
      const later = { ...benchDocument(), date: "2026-01-02T00:00:00.000Z", commit: "badc0ffee" };
      expect(writeDocument(fileForResult(file(), "other"), later)).toBe(`${file()}#2`);
      expect(readFileSync(file(), "utf8")).toBe(`${line}\n${JSON.stringify(later)}\n`);
    });

    it("is found by its number, and by the beginning of its date or commit", () => {
      const later = { ...benchDocument(), date: "2026-01-02T00:00:00.000Z", commit: "badc0ffee" };
      writeFileSync(file(), `${line}\n${JSON.stringify(later)}\n`);
      for (const which of ["2", "2026-01-02", "badc0ff"])
        expect(readDocument(`${file()}#${which}`)).toMatchObject({ date: later.date, source: { line: 2 } });
      for (const which of ["", "#3", "#2026-01", "#bad"])
        expect(() => readDocument(`${file()}${which}`)).toThrow(
          expect.objectContaining({
            code: "INVALID_OPTION",
            message: expect.stringMatching(/names \d results, expected 1: add #LINE, of 1 \(2026-01-01T/),
          }),
        );
    });
  });

  it("draws points that lie far apart with few ticks", () => {
    const far = withValue(benchDocument(), ["results", 1, "speedup"], 1e18);
    const page = renderReport({ documents: [parseDocument(JSON.stringify(far), "x")], others: [] });
    expect(page.match(/class="tick"/g)!.length).toBeLessThan(30);
    expect(page).not.toMatch(/NaN|Infinity/);
  });
});
