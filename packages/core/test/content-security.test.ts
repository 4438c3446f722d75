/** Tests what happens if a policy blocks a runtime's start. The events are simulated here, and real in the browser tests. */
import { isPptError } from "@ppt-vit/core";
import { namingViolations, requireWebAssembly } from "@ppt-vit/core/backend";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

const target = new EventTarget();
const block = (effectiveDirective: string, blockedURI: string) =>
  target.dispatchEvent(Object.assign(new Event("securitypolicyviolation"), { effectiveDirective, blockedURI }));
const named = (start: () => Promise<unknown>) =>
  namingViolations("the runtime", start).catch((error: unknown) =>
    isPptError(error) ? `${error.code} ${error.message}` : error,
  );

beforeEach(() => {
  vi.stubGlobal("addEventListener", target.addEventListener.bind(target));
  vi.stubGlobal("removeEventListener", target.removeEventListener.bind(target));
});
afterEach(() => void vi.unstubAllGlobals());

describe("namingViolations", () => {
  const failure = new Error("failed to fetch");

  test("names what was blocked when the start fails, also where that is told later", async () => {
    const blocked = async (directive: string) =>
      named(async () => {
        setTimeout(() => block(directive, "https://cdn.example/ort.wasm"));
        throw failure;
      });
    expect(await blocked("connect-src")).toBe(
      "BACKEND_UNAVAILABLE the runtime: the Content-Security-Policy of this page or worker blocks 'https://cdn.example/ort.wasm': allow it in connect-src",
    );
    expect(await blocked("script-src-elem")).toMatch(/allow it in script-src$/);
    expect(await blocked("img-src")).toBe(failure);
  });

  test("a blocked worker ends what would wait for it without end", async () => {
    const waiting = named(() => new Promise(() => {}));
    block("worker-src", "blob");
    expect(await waiting).toMatch(/blocks 'blob': allow it in worker-src$/);
  });

  test("what is blocked before, or beside a start that succeeds, changes nothing", async () => {
    block("connect-src", "https://example.org/");
    expect(await named(() => Promise.reject(failure))).toBe(failure);
    const start = async () => {
      block("connect-src", "https://example.org/");
      return 1;
    };
    expect(await named(start)).toBe(1);
  });
});

describe("requireWebAssembly", () => {
  const refused = () => {
    try {
      requireWebAssembly("the runtime");
      return "allowed";
    } catch (error) {
      return isPptError(error) ? `${error.code} ${error.message}` : error;
    }
  };
  test("says what to allow", () => {
    expect(refused()).toBe("allowed");
    const Module = class {
      constructor() {
        throw new WebAssembly.CompileError("violates the following Content Security policy directive");
      }
    };
    vi.stubGlobal("WebAssembly", { Module });
    expect(refused()).toMatch(/^BACKEND_UNAVAILABLE the runtime needs .* allow 'wasm-unsafe-eval' in script-src$/);
    vi.stubGlobal("WebAssembly", undefined);
    expect(refused()).toMatch(/^BACKEND_UNAVAILABLE .* does not exist here: pass backend 'cpu'$/);
  });
});
