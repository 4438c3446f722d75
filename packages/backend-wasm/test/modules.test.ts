/** Tests of hosts that compile no WebAssembly, and of modules that are passed in. */
import { createWasmBackend } from "@ppt-vit/backend-wasm";
import type { Program } from "@ppt-vit/core/backend";
import { afterEach, describe, expect, it, vi } from "vitest";
import simd from "../assembly/index.ts?simd";

afterEach(() => vi.unstubAllGlobals());

const program: Program = (ops, _, { x }) => ({ y: ops.matMul(x!, ops.transpose(x!, [1, 0])) });
const compileOn = (backend: ReturnType<typeof createWasmBackend>) =>
  backend.compile(program, { params: {}, inputs: { x: [2, 8] } });

/** WebAssembly with other functions. What this process has compiled before stays compiled, so each test has a new module. */
async function inHost<R>(functions: object, use: (create: typeof createWasmBackend) => R | Promise<R>): Promise<R> {
  const { Module, Instance, Memory, validate, compile, instantiate } = WebAssembly;
  vi.stubGlobal("WebAssembly", { Module, Instance, Memory, validate, compile, instantiate, ...functions });
  vi.resetModules();
  const { createWasmBackend } = await import("@ppt-vit/backend-wasm");
  return use(createWasmBackend);
}

const { CompileError } = WebAssembly;
const refuse = () => {
  throw new CompileError("Wasm code generation disallowed by embedder");
};
/** As Cloudflare Workers: modules come from the deployment, and bytes are refused in every way. */
const isolate = () => ({
  Module: new Proxy(WebAssembly.Module, { construct: refuse }),
  compile: async () => refuse(),
  validate: () => false,
  instantiate: async (what: unknown, imports: WebAssembly.Imports) =>
    what instanceof WebAssembly.Module ? { exports: new WebAssembly.Instance(what, imports).exports } : refuse(),
});

describe("a module that is passed in", () => {
  it("computes where no bytes are compiled, on one thread", async () => {
    const module = new WebAssembly.Module(simd);
    const { instantiate } = WebAssembly;
    const result = await inHost({ ...isolate(), instantiate }, async (create) => {
      const backend = create({ module, threads: 2 });
      const executable = await compileOn(backend);
      const { y } = await executable.run({ x: { shape: [2, 8], data: new Float32Array(16).fill(2) } });
      await backend.dispose();
      return { data: Array.from(y!.data), runtime: backend.runtime, notices: executable.notices };
    });
    expect(result).toEqual({
      data: [32, 32, 32, 32],
      runtime: expect.stringMatching(/, simd, 1 thread \(a module that is passed in has memory for one\)$/),
      notices: ["backend 'wasm' computes on one thread: a module that is passed in has memory for one"],
    });
  });

  const another = Uint8Array.from(simd);
  another[another.length - 1]! ^= 1;
  it.each([
    [
      "of something else",
      new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)),
      /no kernels of ppt-vit/,
    ],
    [
      "of another version",
      new WebAssembly.Module(another),
      /kernels of another version.*from the version that is installed/,
    ],
    ["that is not compiled", simd, /module is .*expected a WebAssembly.Module, compiled of/],
    ["that is an address", "/kernels.wasm" as unknown as object, /expected a WebAssembly.Module/],
  ])("%s is refused", (_, module, message) => {
    expect(() => createWasmBackend({ module })).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION", message: expect.stringMatching(message) }),
    );
  });

  it("has its own instructions", () => {
    const module = new WebAssembly.Module(simd);
    expect(createWasmBackend({ module, instructions: "simd" }).runtime).toMatch(/, simd, /);
    expect(() => createWasmBackend({ module, instructions: "relaxed-simd" })).toThrow(
      expect.objectContaining({
        code: "INVALID_OPTION",
        message: expect.stringMatching(/has the instructions 'simd'/),
      }),
    );
  });
});

describe("a host that compiles nothing is a typed error, with what to do", () => {
  const passIt = /import '@ppt-vit\/backend-wasm\/kernels\.wasm' as a module and pass it as the option 'module'/;

  it("because of its policy", async () => {
    const error = await inHost(isolate(), (create) => {
      try {
        return create();
      } catch (error) {
        return error;
      }
    });
    expect(error).toMatchObject({ code: "BACKEND_UNAVAILABLE", message: expect.stringMatching(/'wasm-unsafe-eval'/) });
    expect(error).toMatchObject({ message: expect.stringMatching(passIt) });
  });

  it("because of its policy for larger modules", async () => {
    const error = await inHost({ compile: async () => refuse() }, (create) =>
      compileOn(create({ threads: 1 })).catch((error: unknown) => error),
    );
    expect(error).toMatchObject({
      code: "BACKEND_UNAVAILABLE",
      message: expect.stringMatching(/does not compile its kernels \(Wasm code generation disallowed by embedder\)/),
    });
    expect(error).toMatchObject({ message: expect.stringMatching(passIt) });
  });

  it("for lack of memory, and it is tried again", async () => {
    const { compile } = WebAssembly;
    const scarce = vi.fn(compile).mockRejectedValueOnce(new RangeError("Out of memory"));
    const results = await inHost({ compile: scarce }, async (create) => {
      const backend = create({ threads: 1 });
      const first = await compileOn(backend).catch((error: unknown) => error);
      const second = await compileOn(backend);
      await backend.dispose();
      return [first, second];
    });
    expect(results[0]).toMatchObject({ code: "OUT_OF_MEMORY", message: expect.stringMatching(/Out of memory/) });
    expect(results[1]).toHaveProperty("run");
  });

  it("because it has no WebAssembly", () => {
    vi.stubGlobal("WebAssembly", undefined);
    expect(() => createWasmBackend()).toThrow(/needs WebAssembly, which does not exist here: pass backend 'cpu'$/);
  });
});
