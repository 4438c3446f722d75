/** BullMQ on a real Redis, which is killed and comes back, with two workers, one of which is killed and not replaced. */
import { cpSync, mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { examples, missing, programOf, serve } from "./bench.mjs";

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

export const bullmq = {
  name: "bullmq",
  lacks: () => missing("redis-server"),
  async check(bench) {
    const home = join(bench.home, "bullmq");
    cpSync(join(examples, "bullmq"), home, { recursive: true });
    bench.run("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"], { cwd: home });
    mkdirSync(join(home, "redis"));
    const port = await freePort();
    // Every change is on the disk before it is confirmed, so that a killed server loses none.
    const args = ["--port", String(port), "--bind", "127.0.0.1", "--dir", join(home, "redis")];
    const startRedis = () =>
      serve(programOf("redis-server"), [...args, "--appendonly", "yes", "--appendfsync", "always"]);
    let redis = startRedis();
    const options = { cwd: bench.home, env: { ...bench.env, REDIS_URL: `redis://127.0.0.1:${port}` } };
    const node = (script, ...more) => serve(process.execPath, [join(home, script), ...more], options);
    const shards = 8;
    let facts;
    const workers = [node("work.mjs"), node("work.mjs")];
    const queue = node("queue.mjs", "pictures", "by-bullmq", String(shards), ...bench.options);
    try {
      const killed = await bench.moment("by-bullmq", 0.1, 0.3);
      // The worker and what it started, as when a machine is lost.
      const children = bench.run("ps", ["-o", "pid=", "--ppid", String(workers[0].child.pid)]).trim();
      workers[0].child.kill("SIGKILL");
      for (const id of children.split(/\s+/).filter(Boolean)) process.kill(Number(id), "SIGKILL");
      const redisKilled = await bench.moment("by-bullmq", 0.35, 0.6);
      await redis.stop("SIGKILL");
      await pause(2000);
      redis = startRedis();
      const [code] = await queue.closed;
      if (code !== 0) throw new Error(`the queue ended with code ${code}: ${queue.output()}\n${workers[1].output()}`);
      facts = { killed: [killed], redisKilled };
    } finally {
      for (const server of [queue, ...workers]) await server.stop("SIGKILL");
      await redis.stop();
    }
    bench.requireSame("by-bullmq");
    return facts;
  },
};
