/** Slurm on loopback: its daemons with a configuration of our own, and a job array of which two tasks are killed and requeued. */
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { join } from "node:path";
import { examples, missing, programOf, serve, until } from "./bench.mjs";

const freePorts = [18_817, 18_818];

/** Where the array writes its parts. */
const folder = "by-slurm";

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
    for (const name of ["", "state", "spool", "munge"]) mkdirSync(join(home, name), { recursive: true, mode: 0o755 });
    const munge = (name) => join(home, "munge", name);
    writeFileSync(munge("key"), randomBytes(1024), { mode: 0o400 });
    chmodSync(home, 0o755);
    const conf = join(home, "slurm.conf");
    writeFileSync(conf, configuration(home, munge("socket")));
    const env = { ...bench.env, SLURM_CONF: conf };
    const slurmRun = (command, ...args) => bench.run(programOf(command), args, { env });
    const daemons = [];
    let facts;
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
      facts = await killed(bench, slurmRun);
    } catch (error) {
      const logs = daemons.map((daemon) => daemon.output().split("\n").slice(-15).join("\n"));
      throw new Error(`${error.message}\n${logs.join("\n")}`);
    } finally {
      attempt(() => slurmRun("scancel", "--me"));
      for (const daemon of daemons.reverse()) await daemon.stop();
    }
    bench.requireSame(folder);
    return facts;
  },
};

/**
 * Starts the array. Two of its tasks are killed at random moments, as by the kernel, and requeued once Slurm has seen them fail. Between
 * these a third is requeued while it runs, as when its node is needed. Waits for the end.
 */
async function killed(bench, slurmRun) {
  const script = join(examples, "slurm", "embed.sbatch");
  const id = slurmRun("sbatch", "--parsable", script, "pictures", folder, ...bench.options).trim();
  const running = () => tasksIn(slurmRun("squeue", "-h", "-r", "-t", "RUNNING", "-o", "ArrayTaskId=%K "));
  const failed = () =>
    tasksIn(
      slurmRun("scontrol", "show", "job", id)
        .split("\n\n")
        .filter((job) => /JobState=FAILED/.test(job))
        .join(),
    );
  const requeue = (task) => slurmRun("scontrol", "requeue", `${id}_${task}`);

  const first = await killOne(bench, 0.05, 0.2, []);
  const other = oneOf(running().filter((task) => task !== first.task));
  if (other === undefined) throw new Error("no task ran any more when one was to be requeued: take more pictures");
  requeue(other);
  const second = await killOne(bench, 0.2, 0.4, [first.task, other]);
  for (const { task } of [first, second]) {
    await until(`task ${task} that failed`, () => failed().includes(task), 60);
    requeue(task);
  }
  await until("the end of the array", () => slurmRun("squeue", "-h", "-r", "-o", "%T %r").trim() === "", 3600);
  const end = slurmRun("scontrol", "show", "job", id);
  const states = end.match(/JobState=\w+/g);
  if (states.some((state) => state !== "JobState=COMPLETED")) throw new Error(`tasks ended as ${states.join(", ")}`);
  const restarted = tasksIn(
    end
      .split("\n\n")
      .filter((job) => /Restarts=[1-9]/.test(job))
      .join(),
  );
  if (restarted.sort().join() !== [first.task, second.task, other].sort().join())
    throw new Error(`tasks ${restarted.join(", ")} were begun again, expected ${first.task}, ${second.task}, ${other}`);
  return { killed: [first, second], requeuedWhileRunning: other };
}

/** Kills the process of a task that has a part, at a random moment. */
async function killOne(bench, from, to, others) {
  const moment = await bench.moment(folder, from, to);
  const task = await until("a worker", () => {
    const pid = oneOf(bench.workers(folder).filter((one) => !others.includes(taskOf(one))));
    const found = pid && taskOf(pid);
    return found && attempt(() => process.kill(pid, "SIGKILL")) && found;
  });
  return { task, ...moment };
}

const oneOf = (values) => values[Math.floor(Math.random() * values.length)];

const tasksIn = (text) => [...text.matchAll(/ArrayTaskId=(\d+)\s/g)].map(([, task]) => task);

/** The task of a process, by its environment; undefined if it has ended. */
const taskOf = (pid) =>
  attempt(() => /(?:^|\0)SLURM_ARRAY_TASK_ID=(\d+)/.exec(readFileSync(`/proc/${pid}/environ`, "latin1"))?.[1]);

function attempt(action) {
  try {
    return action();
  } catch {
    return undefined;
  }
}
