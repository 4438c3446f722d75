/**
 * Tests the lock of an evaluation: who holds it, and when it is taken over. test/cli-eval.test.ts tests it with two
 * processes.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, test } from "vitest";
import { takeLock } from "../src/files/lock.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ppt-vit-lock-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const path = () => join(folder, "x.lock");
const take = () => takeLock(path(), "x.json");
const held = (message: string) =>
  expect.objectContaining({ code: "INVALID_OPTION", message: expect.stringContaining(message) });

/** Id of a process that has ended. */
const ended = spawnSync(process.execPath, ["-e", ""]).pid;
const holder = { pid: ended, host: hostname(), started: null, since: "2026-01-01T00:00:00.000Z", token: "t" };
const write = (content: object | string) =>
  writeFileSync(path(), typeof content === "string" ? content : JSON.stringify(content));

describe("a lock", () => {
  it("is one process's until it is released, and leaves nothing behind", () => {
    const lock = take();
    expect(JSON.parse(readFileSync(path(), "utf8"))).toMatchObject({ pid: process.pid, host: hostname() });
    expect(take).toThrow(held(`x.json is being written by process ${process.pid} on ${hostname()} since 2`));
    lock.require();
    lock.release();
    expect(readdirSync(folder)).toEqual([]);
    take().release();
    expect(
      ["SIGINT", "SIGTERM", "SIGHUP"].flatMap((signal) => process.listeners(signal as NodeJS.Signals)),
    ).not.toContain(lock.release);
  });

  it("of a process that has ended is taken over", () => {
    write(holder);
    const lock = take();
    lock.require();
    expect(readdirSync(folder)).toEqual(["x.lock"]);
    lock.release();
  });

  it.runIf(process.platform === "linux")("of a process whose number another one has now is taken over", () => {
    write({ ...holder, pid: process.pid, started: "1 another-start-of-the-machine" });
    take().release();
  });

  test.each<[string, object | string, string]>([
    ["another machine", { ...holder, host: "elsewhere" }, `by process ${ended} on elsewhere since 2026-01-01`],
    ["somebody else", "not ours", "by another process: wait for its end"],
    ["nobody", "", "by another process"],
    ["a process without a number", { ...holder, pid: 0 }, "by another process"],
    ["a process with a text for a number", { ...holder, pid: "1" }, "by another process"],
    ["a file of any length", "x".repeat(1e6), "by another process"],
  ])("of %s is left alone", (_, content, message) => {
    write(content);
    const before = readFileSync(path(), "utf8");
    expect(take).toThrow(held(message));
    expect(take).toThrow(held(`remove ${path()}`));
    expect(readFileSync(path(), "utf8")).toBe(before);
    expect(readdirSync(folder)).toEqual(["x.lock"]);
  });

  it("that somebody removed or took is not held any more, and not released for them", () => {
    const lock = take();
    rmSync(path());
    expect(lock.require).toThrow(expect.objectContaining({ code: "WRITE_FAILED" }));
    write({ ...holder, host: "elsewhere" });
    expect(lock.require).toThrow("does not hold the lock any more");
    lock.release();
    expect(readdirSync(folder)).toEqual(["x.lock"]);
  });

  it("in a folder that does not exist cannot be taken", () => {
    expect(() => takeLock(join(folder, "none/x.lock"), "x")).toThrow(expect.objectContaining({ code: "WRITE_FAILED" }));
  });
});
