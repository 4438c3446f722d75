/**
 * The container: its file's instructions, and what it promises of the process, which runs here as process 1 of a namespace of its own
 * where that is allowed. The image itself is built only where podman or docker works.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { examples, main, programOf, serve, until } from "./bench.mjs";

const works = (command, ...args) => {
  try {
    execFileSync(command, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
};

export const container = {
  name: "container",
  lacks: () =>
    programOf("unshare") && works("unshare", "--pid", "--fork", "true")
      ? undefined
      : "the right to make namespaces (unshare)",
  async check(bench) {
    const file = readFileSync(join(examples, "container", "Containerfile"), "utf8");
    const lines = file
      .replaceAll("\\\n", " ")
      .split("\n")
      .filter((line) => line && !line.startsWith("#"));
    const unknown = lines.filter(
      (line) => !/^(FROM|RUN|ARG|ENV|USER|WORKDIR|HEALTHCHECK|STOPSIGNAL|ENTRYPOINT|CMD) /.test(line),
    );
    if (unknown.length > 0) throw new Error(`no instructions: ${unknown.join("; ")}`);
    const last = (name) => lines.filter((line) => line.startsWith(`${name} `)).at(-1);
    if (last("USER") !== "USER node") throw new Error(`the container runs as ${last("USER")}`);
    for (const name of ["ENTRYPOINT", "CMD"]) JSON.parse(last(name).slice(name.length));
    bench.run("sh", [
      "-n",
      "-c",
      lines
        .filter((line) => line.startsWith("RUN "))
        .map((line) => line.slice(4))
        .join("\n"),
    ]);

    // As process 1, which ignores signals unless it asks for them.
    const call = [process.execPath, main, "embed", "pictures", "--out", "by-container", ...bench.options];
    const options = { cwd: bench.home, env: { ...bench.env, OUT: "by-container" } };
    const worker = serve("unshare", ["--pid", "--fork", "--kill-child", ...call], options);
    try {
      await until("a claim", () => bench.workers("by-container").length > 0);
      const health = last("HEALTHCHECK").split(" CMD ")[1];
      bench.run("sh", ["-c", health], { env: options.env });
      // The child of unshare is process 1 of its namespace.
      const [child] = bench
        .run("ps", ["-o", "pid=", "--ppid", String(worker.child.pid)])
        .trim()
        .split(/\s+/);
      process.kill(Number(child), "SIGTERM");
      await worker.closed;
    } finally {
      await worker.stop("SIGKILL");
    }
    if (bench.workers("by-container").length > 0) throw new Error("the worker did not give back its claim");
    if (bench.done("by-container") >= bench.parts)
      throw new Error("the worker was done before it got the signal: take more pictures");
    bench.run(call[0], call.slice(1));
    bench.requireSame("by-container");
    for (const tool of ["podman", "docker"])
      if (programOf(tool) && works(tool, "info"))
        bench.run(tool, ["build", "--tag", "ppt-vit-engines", join(examples, "container")]);
  },
};
