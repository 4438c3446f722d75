/** Serves a folder below a path on loopback, as a static host does. */
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { join, normalize } from "node:path";
import { contentTypeOf } from "./content-types.mjs";

/** @returns {Promise<{ url: string, close(): void }>} `url` ends with a slash */
export async function serveFolder(folder, base) {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://host").pathname);
    let file = path.startsWith(base) ? join(folder, normalize(`/${path.slice(base.length)}`)) : "";
    if (file && existsSync(file) && statSync(file).isDirectory()) file = join(file, "index.html");
    if (!file || !existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { "content-type": contentTypeOf(file) });
    createReadStream(file).pipe(response);
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    url: `http://127.0.0.1:${server.address().port}${base}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
