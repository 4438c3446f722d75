/**
 * Keeps the page for times without a network, and adds the headers of headers.ts where the host sends none. The build puts in what
 * stands in capitals. It takes over from the next visit on: what a visit has begun with, it also ends with.
 */
const headers = HEADERS;
/** All that the first screen needs. Other files are kept when they are first asked for. */
const files = FILES;
/** Another build has another cache. */
const cacheName = `ppt-vit-bench-${VERSION}`;

self.addEventListener("install", (event) => {
  // The browser has just loaded most of these files: its own cache gives them again without a download.
  const keepAll = async () => {
    const cache = await caches.open(cacheName);
    for (const file of files) await cache.add(new Request(file, { cache: "force-cache" }));
    await self.skipWaiting();
  };
  event.waitUntil(keepAll());
});

self.addEventListener("activate", (event) => {
  const forgetOthers = async () => {
    for (const name of await caches.keys())
      if (name.startsWith("ppt-vit-bench-") && name !== cacheName) await caches.delete(name);
  };
  event.waitUntil(forgetOthers());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method === "GET" && request.url.startsWith(self.registration.scope)) event.respondWith(answer(request));
});

async function answer(request) {
  const cache = await caches.open(cacheName);
  const isPage = request.mode === "navigate";
  const kept = await cache.match(request, { ignoreSearch: isPage });
  // The page itself is asked for again, so that a newer build is found.
  if (kept && !isPage) return withHeaders(kept);
  try {
    const fresh = await fetch(request);
    if (fresh.ok && !isPage) await cache.put(request, fresh.clone());
    return withHeaders(fresh);
  } catch (error) {
    if (kept) return withHeaders(kept);
    throw error;
  }
}

/** A worker obeys the policy of its own script, so every answer gets the headers. */
function withHeaders(response) {
  const all = new Headers(response.headers);
  for (const [name, value] of Object.entries(headers)) all.set(name, value);
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers: all });
}
