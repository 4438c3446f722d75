/** GNU parallel: two workers, one of which is killed and started again. */
import { join } from "node:path";
import { examples, missing, serve, until } from "./bench.mjs";

export const parallel = {
  name: "parallel",
  lacks: () => missing("parallel"),
  async check(bench) {
    const args = [join(examples, "parallel", "embed.sh"), "pictures", "by-parallel", ...bench.options];
    const workers = serve("bash", args, { cwd: bench.home, env: { ...bench.env, WORKERS: "2" } });
    try {
      await until("some parts", () => bench.done("by-parallel") >= Math.floor(bench.parts / 4), 600);
      process.kill((await until("a worker", () => bench.workers("by-parallel")))[0], "SIGKILL");
      const [code] = await workers.closed;
      if (code !== 0) throw new Error(`ended with code ${code}: ${workers.output()}`);
    } finally {
      await workers.stop();
    }
    bench.requireSame("by-parallel");
  },
};
