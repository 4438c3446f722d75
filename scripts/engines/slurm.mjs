/** Slurm on loopback: its daemons with a configuration of our own, and a job array of which two tasks are killed and requeued. */
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { join } from "node:path";
import { examples, missing, programOf, serve, until } from "./bench.mjs";

const freePorts = [18_817, 18_818];

function configuration(home, socket) {
  const user = userInfo().username;
  const host = hostname().split(".")[0];
  return `ClusterName=ppt
SlurmctldHost=${host}(127.0.0.1)
SlurmUser=${user}
SlurmdUser=${user}
SlurmctldPort=${freePorts[0]}
SlurmdPort=${freePorts[1]}
AuthType=auth/munge
CryptoType=crypto/munge
# A task that was requeued begins again once its old credential cannot be valid any more.
AuthInfo=socket=${socket},cred_expire=3
StateSaveLocation=${home}/state
SlurmdSpoolDir=${home}/spool
SlurmctldPidFile=${home}/slurmctld.pid
SlurmdPidFile=${home}/slurmd.pid
SlurmctldLogFile=${home}/slurmctld.log
SlurmdLogFile=${home}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1
MailProg=/bin/true
ReturnToService=2
KillWait=2
SlurmdParameters=config_overrides
NodeName=${host} NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN
PartitionName=all Nodes=${host} Default=YES MaxTime=INFINITE State=UP
`;
}

export const slurm = {
  name: "slurm",
  lacks: () => missing("slurmctld", "slurmd", "sbatch", "munged"),
  async check(bench) {
    const home = join(bench.home, "slurm-daemons");
    for (const folder of ["", "state", "spool", "munge"])
      mkdirSync(join(home, folder), { recursive: true, mode: 0o755 });
    const munge = (name) => join(home, "munge", name);
    writeFileSync(munge("key"), randomBytes(1024), { mode: 0o400 });
    chmodSync(home, 0o755);
    const conf = join(home, "slurm.conf");
    writeFileSync(conf, configuration(home, munge("socket")));
    const env = { ...bench.env, SLURM_CONF: conf };
    const slurmRun = (command, ...args) => bench.run(programOf(command), args, { env });
    const daemons = [];
    const start = (name, ...args) => daemons.push(serve(programOf(name), args, { env }));
    try {
      const files = ["key-file", "socket", "pid-file", "log-file", "seed-file"];
      // munged complains about folders that others may write, as /tmp is.
      start("munged", "--foreground", "--force", ...files.map((file) => `--${file}=${munge(file.split("-")[0])}`));
      await until("munged", () => bench.run("sh", ["-c", `test -S '${munge("socket")}' && echo there || true`]));
      start("slurmctld", "-D", "-f", conf);
      start("slurmd", "-D", "-f", conf, "-N", hostname().split(".")[0]);
      await until(
        "a node that is idle",
        () => attempt(() => slurmRun("sinfo", "-h", "-o", "%T").startsWith("idle")),
        60,
      );
      await killed(bench, slurmRun);
    } catch (error) {
      const logs = daemons.map((daemon) => daemon.output().split("\n").slice(-15).join("\n"));
      throw new Error(`${error.message}\n${logs.join("\n")}`);
    } finally {
      attempt(() => slurmRun("scancel", "--me"));
      for (const daemon of daemons.reverse()) await daemon.stop();
    }
    bench.requireSame("by-slurm");
  },
};

/** Starts the array, kills two of its tasks at random moments, requeues them, and waits for the end. */
async function killed(bench, slurmRun) {
  const submitted = slurmRun(
    "sbatch",
    "--parsable",
    join(examples, "slurm", "embed.sbatch"),
    "pictures",
    "by-slurm",
    ...bench.options,
  );
  const id = submitted.trim();
  const least = Math.floor(bench.parts * (0.1 + 0.3 * Math.random()));
  await until("some parts", () => bench.done("by-slurm") >= least, 600);
  // One process dies as by the kernel, and its task is requeued after it failed.
  const victim = (await until("a worker", () => bench.workers("by-slurm")))[0];
  process.kill(victim, "SIGKILL");
  const failed = await until(
    "a task that failed",
    () =>
      /_(\d+)\s/.exec(
        slurmRun("scontrol", "show", "job", id)
          .split("\n\n")
          .filter((job) => /JobState=FAILED/.test(job))
          .map((job) => `_${/ArrayTaskId=(\d+)/.exec(job)[1]} `)
          .join(""),
      ),
    60,
  );
  slurmRun("scontrol", "requeue", `${id}_${failed[1]}`);
  // Another is requeued while it runs, as when its node is needed.
  const running = slurmRun("squeue", "-h", "-r", "-t", "RUNNING", "-o", "%F_%K")
    .trim()
    .split("\n")
    .filter((task) => task && task !== `${id}_${failed[1]}`);
  if (running.length === 0)
    throw new Error("no task ran any more when the second was to be killed: take more pictures");
  slurmRun("scontrol", "requeue", running[Math.floor(Math.random() * running.length)]);
  await until("the end of the array", () => slurmRun("squeue", "-h", "-r", "-o", "%T %r").trim() === "", 1800);
  const states = slurmRun("scontrol", "show", "job", id).match(/JobState=\w+/g);
  const restarts = slurmRun("scontrol", "show", "job", id).match(/Restarts=[1-9]/g) ?? [];
  if (states.some((state) => state !== "JobState=COMPLETED")) throw new Error(`tasks ended as ${states.join(", ")}`);
  if (restarts.length < 2) throw new Error(`${restarts.length} tasks were requeued, expected 2`);
}

function attempt(action) {
  try {
    return action();
  } catch {
    return undefined;
  }
}
