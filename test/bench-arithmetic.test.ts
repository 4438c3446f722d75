/** Tests what the benchmark page computes itself: settings in its address, groups of patches, names of machines. */
import { policyNames } from "@ppt-vit/core";
import { describe, expect, test } from "vitest";
import { fromUserAgent, shortRenderer } from "../apps/bench/src/machine.js";
import { defaultSettings, formatSettings, parseSettings, policies, reductionOf } from "../apps/bench/src/settings.js";
import { edgesOf, groupsOf } from "../apps/bench/src/tokens.js";

describe("the app's own arithmetic", () => {
  test("settings survive the address, and what is wrong in it is named", () => {
    const settings = {
      ...defaultSettings,
      hub: "facebook/deit-small-patch16-224",
      policy: "pool" as const,
      layers: [2, 5],
      tokensRemoved: 20,
      threshold: 7e-5,
      backends: ["cpu"],
      runs: 3,
    };
    expect(formatSettings(settings)).toBe(
      "?model=facebook/deit-small-patch16-224&policy=pool&layers=2,5&removed=20&threshold=0.00007&backends=cpu&runs=3",
    );
    expect(parseSettings(formatSettings(settings))).toEqual({ settings, problems: [] });
    expect(formatSettings(defaultSettings)).toBe("");
    const { settings: fallen, problems } = parseSettings(
      "?runs=0&policy=magic&layers=5,2&threshold=-1&batch=2&model=deit",
    );
    expect(fallen).toEqual({ ...defaultSettings, batch: 2 });
    expect(problems.map((problem) => problem.split(" ")[0])).toEqual([
      "model",
      "policy",
      "layers",
      "threshold",
      "runs",
    ]);
  });

  test("a policy becomes a reduction; what is not set is left to the model", () => {
    expect(reductionOf("unreduced", defaultSettings)).toBe(false);
    expect(reductionOf("ppt", defaultSettings)).toEqual({});
    expect(reductionOf("prune", { ...defaultSettings, layers: [3], threshold: 1 })).toEqual({
      layers: [3],
      threshold: "prune",
    });
    // Every registered policy can be chosen.
    expect(policies).toEqual(["unreduced", "ppt", "prune", "pool", ...policyNames.filter((name) => name !== "ppt")]);
    expect(reductionOf("tome", { ...defaultSettings, layers: [3], threshold: 1 })).toEqual({
      policy: "tome",
      layers: [3],
    });
  });

  test("groups are outlined where they meet others", () => {
    // 2 x 3 patches: 0, 1 and 4 share a token, and 5 was pruned.
    const grid = { rows: 2, columns: 3 };
    const groups = groupsOf(Int32Array.of(1, 1, 2, 3, 1, -1));
    expect(groups).toEqual([{ patches: [0, 1, 4] }, { patches: [2] }, { patches: [3] }]);
    const members = new Set([0, 1, 4]);
    expect(edgesOf(0, members, grid)).toEqual([true, false, true, true]);
    expect(edgesOf(1, members, grid)).toEqual([true, true, false, false]);
    expect(edgesOf(4, members, grid)).toEqual([false, true, true, true]);
  });

  test("machines have short names", () => {
    expect(shortRenderer("ANGLE (Intel, Mesa Intel(R) UHD 620 (KBL GT2), OpenGL 4.6)")).toBe(
      "Mesa Intel(R) UHD 620 (KBL GT2)",
    );
    expect(fromUserAgent("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")).toEqual({
      browser: "Firefox 140.0",
      system: "X11, Linux x86_64",
    });
  });
});
