/** Tests the messages of `--verify`. */
import { expect, it } from "vitest";
import { describeVerification } from "../src/output/verified.js";

it("says with what the logits were compared", () => {
  const found = { difference: 1.5e-7, tolerance: 1e-3 };
  expect(describeVerification({ against: "verification.json", ...found })).toBe(
    "verified (logits of a known input 1.5e-7 from those in verification.json, at most 0.001 is right)",
  );
  expect(describeVerification({ against: "cpu backend", ...found })).toMatch(/1\.5e-7 from those of the CPU backend/);
});

it("never calls verified what was not compared", () => {
  const text = describeVerification({ against: "nothing", reason: "there is no record" });
  expect(text).toBe("not verified: there is no record");
});
