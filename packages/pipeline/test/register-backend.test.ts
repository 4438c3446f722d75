/** Tests backends that an application registers by name. */
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import type { Backend } from "@ppt-vit/core";
import { describe, expect, it } from "vitest";
import { candidatesOf } from "../src/backends/select.js";
import {
  backendNames,
  createBackend,
  describeBackends,
  fromPretrained,
  registerBackend,
  selectBackend,
} from "../src/index.js";

/** Counts the open backends. */
function counting() {
  const counts = { opened: 0, open: 0 };
  return {
    counts,
    async open(): Promise<Backend> {
      const backend = createCpuBackend();
      counts.opened++;
      counts.open++;
      return {
        ...backend,
        name: "counting",
        async dispose() {
          await backend.dispose();
          counts.open--;
        },
      };
    },
  };
}

describe("a registered backend", () => {
  const { counts, open } = counting();

  it("is known by its name", async () => {
    registerBackend({ name: "counting", open, packages: ["counting"], rank: { node: 1 } });
    expect(backendNames.at(-1)).toBe("counting");
    expect(describeBackends().at(-1)).toEqual({ name: "counting", packages: ["counting"], rank: { node: 1 } });
    const backend = await createBackend("counting");
    expect(backend.name).toBe("counting");
    await backend.dispose();
  });

  it("is a candidate by its rank, on the platforms it has one for", async () => {
    expect(candidatesOf("node")[0]).toBe("counting");
    expect(candidatesOf("browser")).not.toContain("counting");
    expect(await selectBackend()).toMatchObject({ backend: "counting", candidates: { length: 8 } });
    expect(counts.open).toBe(0);
  });

  it("is opened once for 'auto', and disposed with the model", async () => {
    counts.opened = 0;
    const classifier = await fromPretrained("demo", { backend: "auto" });
    expect(classifier.backend).toBe("counting");
    expect(counts).toEqual({ opened: 1, open: 1 });
    await classifier.dispose();
    expect(counts.open).toBe(0);
  });
});

describe("a registration is refused", () => {
  const open = async () => createCpuBackend();

  it.each([
    ["no descriptor", undefined, /options are undefined|name is undefined/],
    ["no name", { open }, /name is undefined/],
    ["the name of the choice itself", { name: "auto", open }, /name is "auto"/],
    ["no open", { name: "other" }, /open is undefined/],
    ["an open that is no function", { name: "other", open: createCpuBackend() }, /open is .*expected a function/],
    ["an unknown platform", { name: "other", open, runsIn: ["deno"] }, /runsIn is .*'node' and 'browser'/],
    ["a rank that is no table", { name: "other", open, rank: 1 }, /rank is 1, expected an object of numbers/],
    ["an unknown need", { name: "other", open, needs: "cuda" }, /needs is "cuda", expected one of 'webassembly'/],
    ["a name that a package has", { name: "onnx-cpu", open }, /there is a backend 'onnx-cpu' already/],
  ])("for %s", (_, descriptor, message) => {
    const before = [...backendNames];
    const refused = expect.objectContaining({ code: "INVALID_OPTION", message: expect.stringMatching(message) });
    expect(() => registerBackend(descriptor as never)).toThrow(refused);
    expect(backendNames).toEqual(before);
  });

  it("for a name that was registered before", () => {
    registerBackend({ name: "twice", open });
    expect(() => registerBackend({ name: "twice", open })).toThrow(/there is a backend 'twice' already/);
  });

  it("when it fails to open", async () => {
    const cause = new Error("no driver");
    registerBackend({ name: "failing", open: () => Promise.reject(cause) });
    await expect(createBackend("failing")).rejects.toMatchObject({
      code: "BACKEND_UNAVAILABLE",
      message: "backend 'failing' cannot be opened: no driver",
      cause,
    });
  });

  it("when what it opens is no backend", async () => {
    registerBackend({ name: "no-backend", open: async () => ({}) as Backend });
    await expect(createBackend("no-backend")).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringMatching(/^backend 'no-backend': what open\(\) gave is .* expected a backend/),
    });
  });
});
