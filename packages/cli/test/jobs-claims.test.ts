/** Tests who may write a part: claims, late workers, and workers that hang. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { thisHolder } from "../src/files/holder.js";
import { watchSteps } from "../src/jobs/beat.js";
import { type Claim, isClaim, openClaims } from "../src/jobs/claims.js";
import { type Fence, type Job, jobFolder, type PartRecord } from "../src/jobs/folder.js";
import { formats } from "../src/jobs/formats/index.js";
import type { Pulse } from "../src/jobs/pulse.js";

const home = mkdtempSync(join(tmpdir(), "ppt-vit-claims-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const pulse: Pulse = { hold() {}, drop() {}, step() {}, close() {} };
const [leaseMs, part] = [1000, 3];
const jsonl = formats.find(({ name }) => name === "jsonl")!;
const job: Job = {
  ...{ job: "ppt-vit", version: 1, command: "embed", settings: {}, partSize: 2, format: "jsonl", vectors: "float32" },
  pictures: { count: 10, fingerprint: "0".repeat(64) },
  columns: [{ name: "path", type: "text" }],
};

let folder: ReturnType<typeof jobFolder>;
let count = 0;
beforeEach(() => {
  folder = jobFolder(join(home, String(count++)));
  folder.begin(job);
});
const inJob = (name: string) => join(folder.path, "_job", name);

function take(claims = openClaims(leaseMs, pulse)): Claim {
  const claim = claims.take(folder.claimOf(part));
  if (!isClaim(claim)) throw new Error("the claim is another worker's");
  return claim;
}

/** As a worker does that was silent for a lease: its claim is gone, and another has it. */
function takeOver(): Claim {
  rmSync(folder.claimOf(part));
  const claim = take();
  folder.clean(part);
  return claim;
}

async function finish(claim: Fence, text: string): Promise<void> {
  const files = await folder.writePart(part, jsonl, claim, ([sink]) => sink!(Buffer.from(text)));
  await folder.finish(recordOf(files), claim);
}
const recordOf = (files: PartRecord["files"]): PartRecord => ({
  ...{ part, rows: 2, failed: 0, files, seconds: { total: 1, model: 1, waiting: 0 } },
  ...{ host: "here", finished: "2026-01-01T00:00:00.000Z" },
});
const written = () => readFileSync(folder.filesOf(part, jsonl)[0]!, "utf8");

describe("a late worker", () => {
  test("that lost its claim while it computed does not write", async () => {
    const late = take();
    await expect(
      folder.writePart(part, jsonl, late, async ([sink]) => {
        sink!(Buffer.from("late"));
        await finish(takeOver(), "in time");
      }),
    ).rejects.toMatchObject({ code: "WRITE_FAILED" });
    expect([late.isLost(), written()]).toEqual([true, "in time"]);
  });

  test("that looked at its claim just before it lost it does not write either", async () => {
    const late = take();
    // The last look comes before the takeover, and the names are given after it.
    const fence: Fence = { token: late.token, require: () => void takeOver() };
    const files = folder.writePart(part, jsonl, fence, ([sink]) => sink!(Buffer.from("late")));
    await expect(files).rejects.toMatchObject({ code: "WRITE_FAILED" });
    await expect(folder.finish(recordOf([]), fence)).rejects.toMatchObject({ code: "WRITE_FAILED" });
    expect([existsSync(folder.filesOf(part, jsonl)[0]!), folder.isDone(part)]).toEqual([false, false]);
  });

  test("leaves no drafts, and drafts of claims stay while a part is cleaned", async () => {
    const claim = take();
    for (const name of ["part-000003.0.x.draft", "part-000003.claim.x.draft", "part-000004.0.x.draft"])
      writeFileSync(inJob(name), "");
    folder.clean(part);
    await finish(claim, "rows");
    claim.release();
    expect(readdirSync(inJob("")).sort()).toEqual([
      ...["job.json", "part-000003.claim.x.draft", "part-000003.json", "part-000004.0.x.draft"],
    ]);
  });
});

describe("a claim from elsewhere", () => {
  let clock = 0;
  const elsewhere = { ...thisHolder(), pid: 1, host: "elsewhere", token: "t" };
  const claimed = (holder: object) => writeFileSync(folder.claimOf(part), JSON.stringify(holder));
  const look = (claims: ReturnType<typeof openClaims>) => {
    const found = claims.take(folder.claimOf(part));
    return isClaim(found) ? "mine" : found.runs;
  };

  test("is believed while it changes, and for a lease by the clock of the one who watches", () => {
    const claims = openClaims(leaseMs, pulse, () => clock);
    claimed(elsewhere);
    expect(look(claims)).toBe(false);
    // Its own clock may tell any time.
    utimesSync(folder.claimOf(part), 1, 1);
    clock += 2 * leaseMs;
    expect(look(claims)).toBe(true);
    clock += leaseMs - 1;
    expect(look(claims)).toBe(false);
    clock += 1;
    expect(look(claims)).toBe("mine");
  });

  test("of a machine with the same name is no claim of a process that ended here", () => {
    claimed({ ...thisHolder(), pid: 2 ** 22 - 1, started: "5 another-boot" });
    expect(look(openClaims(leaseMs, pulse))).toBe(false);
  });
});

test("workers whose processes have one id, as in containers, do not share the draft of the job", () => {
  const other = jobFolder(join(home, "containers"));
  other.begin(job);
  rmSync(join(other.path, "_job", "job.json"));
  const draft = join(other.path, "_job", `job.json.${process.pid}.draft`);
  writeFileSync(draft, "of another container");
  other.begin(job);
  expect(readFileSync(draft, "utf8")).toBe("of another container");
});

test("a worker hangs if its steps do not grow for the time in which its thread ran", () => {
  const isMoving = watchSteps(1000, 200);
  const looks = [
    ...([
      [1, 0, true],
      [1, 900, true],
      [2, 1000, true],
    ] as const),
    // The machine slept for an hour.
    ...([
      [2, 3_601_000, true],
      [2, 3_601_200, true],
      [2, 3_601_400, true],
      [2, 3_601_600, true],
    ] as const),
    ...([
      [2, 3_601_800, false],
      [3, 3_602_000, true],
      [Number.NaN, 3_602_200, true],
    ] as const),
  ];
  for (const [steps, now, expected] of looks)
    expect([steps, now, isMoving(steps, now)]).toEqual([steps, now, expected]);
});
