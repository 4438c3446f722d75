/** Where Redis is. */
export const name = "embed";

const { hostname, port } = new URL(process.env.REDIS_URL ?? "redis://127.0.0.1:6379");

// Calls wait while Redis is away, and go on when it is back.
export const connection = { host: hostname, port: Number(port), maxRetriesPerRequest: null };
