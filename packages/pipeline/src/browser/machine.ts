/** The browser, for the automatic choice of a backend. Results of its checks are in Cache storage, which workers have too. */
import { inMemoryToo, type SelectionCache } from "../backends/kept-checks.js";
import type { Machine } from "../backends/machine.js";

const cacheName = "ppt-vit-checks";

/** The oldest results leave the cache when it has more. */
const mostEntries = 50;

/** A cache is asked by addresses. This one is never requested. */
const addressOf = (key: string): string => `https://ppt-vit.invalid/?${encodeURIComponent(key)}`;

export const browserMachine = (): Machine => ({
  facts: globalThis.navigator?.userAgent ?? "",
  store: inMemoryToo(cacheStorage),
});

/** Pages that are not served securely have no Cache storage. They check the backends once a page. */
const cacheStorage: SelectionCache = {
  async getItem(key) {
    if (typeof caches !== "object") return null;
    const found = await (await caches.open(cacheName)).match(addressOf(key));
    return found ? found.text() : null;
  },
  async setItem(key, value) {
    if (typeof caches !== "object") return;
    const cache = await caches.open(cacheName);
    await cache.put(addressOf(key), new Response(value));
    const known = await cache.keys();
    for (const old of known.slice(0, Math.max(0, known.length - mostEntries))) await cache.delete(old);
  },
};
