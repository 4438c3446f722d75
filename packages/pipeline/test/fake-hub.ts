/** A local Hub for tests: files behind resolve addresses, large ones on a second host, and the failures of real networks. */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

/** A fault that replaces the regular answer to one request. */
export interface Fault {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Closes the connection after the headers. */
  readonly cut?: boolean;
  /** Sends that many bytes of the body and withholds the rest: see `cutStalled` and `finishStalled`. */
  readonly stallAfter?: number;
  /** Sends this instead of the body. */
  readonly body?: Uint8Array;
  /** Answers with the whole file, whatever range was requested. */
  readonly ignoreRange?: boolean;
  /** Sends the body in chunks, without its length. */
  readonly chunked?: boolean;
  /** Never sends anything. */
  readonly silent?: boolean;
  /** Sends the body again and again, without end. */
  readonly endless?: boolean;
}

/** The content of a commit. */
export interface FakeTree {
  readonly commit: string;
  readonly files: Readonly<Record<string, Uint8Array>>;
}

export interface FakeModel extends FakeTree {
  /** Other branches, such as `refs/pr/1`. */
  readonly branches?: Readonly<Record<string, FakeTree>>;
  /** The API's answer about discussions and pull requests. */
  readonly discussions?: readonly object[];
  /** The API's answer about the model card. */
  readonly cardData?: object;
  /** Other names of the commit. Default: `main`. */
  readonly revisions?: readonly string[];
  /** Requests without this token are refused. */
  readonly token?: string;
}

export interface Seen {
  readonly host: "hub" | "storage";
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
}

export interface FakeHub {
  readonly url: string;
  readonly models: Map<string, FakeModel>;
  readonly seen: Seen[];
  /** The next requests whose address matches get these faults, one each, in this order. */
  fail(address: RegExp, ...faults: Fault[]): void;
  /** The next requests whose address matches are answered only once that many have arrived. */
  gather(address: RegExp, count: number): void;
  /**
   * Closes the connections that stall. A client may drop unread bytes when its connection breaks, so the test decides
   * when that happens.
   */
  cutStalled(): void;
  /** Sends the withheld rest of stalled answers. */
  finishStalled(): void;
  /** Paths requested since the last call, with their host. */
  takeSeen(): string[];
  close(): Promise<void>;
}

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
export const gitSha1 = (bytes: Uint8Array) =>
  createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
export const isLarge = (file: string) => file.endsWith(".safetensors");
/** The name of a file's blob in the cache. */
export const blobName = (file: string, bytes: Uint8Array) => (isLarge(file) ? sha256(bytes) : gitSha1(bytes));

export async function startHub(models: Readonly<Record<string, FakeModel>> = {}): Promise<FakeHub> {
  const all = new Map(Object.entries(models));
  const seen: Seen[] = [];
  const stalled: Stalled[] = [];
  let gathering: { readonly address: RegExp; readonly count: number; readonly waiting: (() => void)[] } | undefined;
  const faults: { address: RegExp; fault: Fault }[] = [];
  let taken = 0;

  const answering = (host: Seen["host"], find: (path: string, request: IncomingMessage) => Answer) =>
    createServer((request, response) => {
      const path = request.url ?? "/";
      allowOrigins(request, response);
      if (request.method === "OPTIONS") return void response.writeHead(204).end();
      const { range, authorization } = request.headers;
      seen.push({ host, path, range, authorization });
      const at = faults.findIndex(({ address }) => address.test(`${host}${path}`));
      const fault = at < 0 ? {} : faults.splice(at, 1)[0]!.fault;
      const answer = () => {
        const rest = send(response, range, find(path, request), fault);
        if (rest) stalled.push({ response, rest });
      };
      if (!gathering?.address.test(`${host}${path}`)) return answer();
      gathering.waiting.push(answer);
      if (gathering.waiting.length < gathering.count) return;
      const { waiting } = gathering;
      gathering = undefined;
      for (const one of waiting) one();
    });

  const storage = answering("storage", (path) => {
    for (const { files, branches = {} } of all.values())
      for (const [file, body] of [files, ...Object.values(branches).map((tree) => tree.files)].flatMap(Object.entries))
        if (isLarge(file) && path.startsWith(`/blobs/${sha256(body)}?`))
          return { status: 200, headers: { etag: '"of the storage"' }, body };
    return { status: 403, headers: {} };
  });
  const storageUrl = await listen(storage);

  const hub = answering("hub", (path, request) => {
    const error = (status: number, code: string, more = {}) => ({ status, headers: { "x-error-code": code, ...more } });
    const [, listed, asked] = /^\/api\/models\/([^/]+\/[^/]+)\/revision\/([^/?]+)\?blobs=true$/.exec(path) ?? [];
    const [, resolved, at, file] = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
    const [, discussed] = /^\/api\/models\/([^/]+\/[^/]+)\/discussions\?/.exec(path) ?? [];
    const model = all.get(listed ?? resolved ?? discussed ?? "");
    if (!model) return error(404, "RepoNotFound");
    const { token, revisions = ["main"], branches = {}, discussions = [], cardData } = model;
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) return error(401, "GatedRepo");
    const json = (value: object) => ({
      status: 200,
      headers: {},
      body: new TextEncoder().encode(JSON.stringify(value)),
    });
    if (discussed) return json({ discussions, count: discussions.length, start: 0 });
    const revision = decodeURIComponent(asked ?? at!);
    const trees = [...revisions.map((name) => [name, model] as const), ...Object.entries(branches)];
    const tree = trees.find(([name, { commit }]) => name === revision || commit === revision)?.[1];
    if (!tree && revision !== model.commit) return error(404, "RevisionNotFound");
    const { commit, files } = tree ?? model;
    if (listed) return json({ ...listing(commit, files), cardData });
    const body = files[decodeURIComponent(file!)];
    if (!body) return error(404, "EntryNotFound", { "x-repo-commit": commit });
    if (!isLarge(file!)) return { status: 200, headers: { "x-repo-commit": commit, etag: `"${gitSha1(body)}"` }, body };
    const location = `${storageUrl}/blobs/${sha256(body)}?signature=1`;
    const linked = { "x-linked-etag": `"${sha256(body)}"`, "x-linked-size": String(body.length) };
    return { status: 302, headers: { "x-repo-commit": commit, ...linked, location } };
  });
  const url = await listen(hub);

  return {
    url,
    models: all,
    seen,
    fail: (address, ...added) => void faults.push(...added.map((fault) => ({ address, fault }))),
    gather(address, count) {
      gathering = { address, count, waiting: [] };
    },
    cutStalled() {
      for (const { response } of stalled.splice(0)) response.destroy();
    },
    finishStalled() {
      for (const { response, rest } of stalled.splice(0)) response.end(rest);
    },
    takeSeen() {
      const fresh = seen.slice(taken);
      taken = seen.length;
      return fresh.map(({ host, path }) => host + path);
    },
    async close() {
      await Promise.all(
        [hub, storage].map((server) => {
          server.closeAllConnections();
          return new Promise((resolve) => server.close(resolve));
        }),
      );
    },
  };
}

interface Stalled {
  readonly response: ServerResponse;
  readonly rest: Uint8Array;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

const listing = (commit: string, files: FakeTree["files"]) => ({
  sha: commit,
  siblings: Object.entries(files).map(([rfilename, body]) => ({
    rfilename,
    size: body.length,
    blobId: gitSha1(body),
    ...(isLarge(rfilename) && { lfs: { sha256: sha256(body), size: body.length, pointerSize: 135 } }),
  })),
});

/** Returns the withheld part, if there is one. */
function send(
  response: ServerResponse,
  range: string | undefined,
  found: Answer,
  fault: Fault,
): Uint8Array | undefined {
  let { status, headers, body = new Uint8Array(0) } = found;
  if (fault.silent) return undefined;
  if (fault.status !== undefined) [status, headers, body] = [fault.status, {}, new Uint8Array(0)];
  if (fault.body) body = fault.body;
  const start = Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
  if (status === 200 && start > 0 && !fault.ignoreRange) {
    const whole = body.length;
    [status, body] = start < whole ? [206, body.subarray(start)] : [416, new Uint8Array(0)];
    headers = { ...headers, "content-range": `bytes ${start}-${whole - 1}/${whole}` };
  }
  const length = fault.chunked || fault.endless ? {} : { "content-length": String(body.length) };
  response.writeHead(status, { ...headers, ...length, ...fault.headers });
  if (fault.cut) {
    response.flushHeaders();
    response.destroy();
    return undefined;
  }
  if (fault.endless) {
    const more = () => {
      // Sends as fast as the client reads, until it hangs up.
      while (!response.destroyed && response.write(body));
    };
    response.on("drain", more);
    more();
    return undefined;
  }
  if (fault.stallAfter === undefined) {
    response.end(body);
    return undefined;
  }
  response.write(body.subarray(0, fault.stallAfter));
  return body.subarray(fault.stallAfter);
}

/** Answers as the Hub does. */
function allowOrigins(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader("access-control-allow-origin", request.headers.origin ?? "*");
  response.setHeader("access-control-allow-headers", "authorization, range");
  response.setHeader("access-control-expose-headers", "x-repo-commit, x-error-code, etag, content-range, retry-after");
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (typeof address !== "object" || !address) throw new Error("the server has no port");
  return `http://127.0.0.1:${address.port}`;
}
