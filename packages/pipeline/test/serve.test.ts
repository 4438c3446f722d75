/** What a worker answers when it cannot open the backend that it was given. */
import { afterEach, expect, it, vi } from "vitest";
import { describeBackends } from "../src/backends/registry.js";
import { serveClassifiers } from "../src/browser/serve.js";

afterEach(() => vi.unstubAllGlobals());

it.each<[string, () => unknown, string, RegExp]>([
  ["is none", async () => 5, "INVALID_OPTION", /^backend 'mine': what open\(\) gave is 5, expected a backend/],
  [
    "fails to open",
    () => Promise.reject(new Error("no")),
    "BACKEND_UNAVAILABLE",
    /^backend 'mine' cannot be opened: no/,
  ],
])("says that a backend %s", async (_what, open, code, message) => {
  const replies: unknown[] = [];
  let send: (event: { data: object }) => Promise<void> = async () => {};
  vi.stubGlobal("postMessage", (reply: unknown) => void replies.push(reply));
  vi.stubGlobal("addEventListener", (_type: string, listener: typeof send) => {
    send = listener;
  });
  serveClassifiers({ backends: { mine: open as never } });
  await send({ data: { id: 1, kind: "load", source: "org/model", options: { backend: "mine" } } });
  const error = expect.objectContaining({ code, message: expect.stringMatching(message) });
  expect(replies).toEqual([{ id: 1, kind: "failed", error }]);
});

it("makes descriptors known, and refuses what is none", () => {
  vi.stubGlobal("addEventListener", () => {});
  const open = () => Promise.reject(new Error("no"));
  serveClassifiers({ backends: [{ name: "described", open, rank: { browser: 1 } }] });
  expect(describeBackends().at(-1)).toEqual({ name: "described", rank: { browser: 1 } });
  expect(() => serveClassifiers({ backends: [{ name: "x" }] as never })).toThrow(
    expect.objectContaining({ code: "INVALID_OPTION", message: expect.stringContaining("descriptors { name, open }") }),
  );
});
