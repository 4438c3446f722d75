/**
 * One kernel call, shared among threads: plain JavaScript, because a worker runs this file as it is, in tests too.
 *
 * A call is cut into chunks. Each thread takes the next one until none is left, so a thread that comes late, or never, holds nobody
 * up. `ticket` has the number of the job in its upper 24 bits and the next chunk in the lower 8. To take a chunk is to exchange
 * `ticket` with its successor. The exchange fails if the job has ended meanwhile, so no thread takes a chunk of one job with the
 * arguments of another.
 */

/** Places of 32-bit words. */
export const words = { ticket: 0, chunks: 1, done: 2, sleepers: 3, mail: 4, waiting: 5, failed: 6 };
/** Places of 64-bit numbers, behind the words. */
const numbers = {
  memory: 4,
  kernel: 5,
  units: 6,
  unitSize: 7,
  total: 8,
  counted: 9,
  inner: 10,
  scratch: 11,
  count: 12,
};
const firstArgument = 13;
/** The largest number of arguments that a kernel has. */
export const mostArguments = 13;
/** Numbers for each argument: its value, and what units add to it. */
const lists = { values: 0, steps: mostArguments, outerSteps: 2 * mostArguments };

export const controlBytes = 8 * (firstArgument + 3 * mostArguments);

/** In the place of the next chunk: there is none. */
const closed = 255;
/** The largest number of chunks. */
export const mostChunks = 254;

/** The two arrays over the memory that threads share to agree on jobs. */
export const controlOf = (buffer) => ({ words: new Int32Array(buffer), numbers: new Float64Array(buffer) });

/** Ends what there was, so that threads look again. */
function close({ words: shared }) {
  const next = ((Atomics.load(shared, words.ticket) >>> 8) + 1) << 8;
  Atomics.store(shared, words.ticket, next | closed);
  return next;
}

function wake({ words: shared }) {
  if (Atomics.load(shared, words.sleepers) > 0) Atomics.notify(shared, words.ticket);
}

/** Makes all threads return from `serve`, to read their messages. */
export function callBack(control) {
  Atomics.add(control.words, words.mail, 1);
  close(control);
  wake(control);
}

/** Offers a job to the other threads. */
export function offer(control, memory, job) {
  const { words: shared, numbers: written } = control;
  const next = close(control);
  const { kernel, values, steps, outerSteps, units, unitSize, total, counted, inner, scratch, chunks } = job;
  const fields = { memory, kernel, units, unitSize, total, counted, inner, scratch, count: values.length };
  for (const [name, place] of Object.entries(numbers)) written[place] = fields[name];
  for (let i = 0; i < values.length; i++) {
    written[firstArgument + lists.values + i] = values[i];
    written[firstArgument + lists.steps + i] = steps[i];
    written[firstArgument + lists.outerSteps + i] = outerSteps[i];
  }
  Atomics.store(shared, words.chunks, chunks);
  Atomics.store(shared, words.done, 0);
  Atomics.store(shared, words.ticket, next);
  wake(control);
}

/** The job that is offered. It is read before a chunk is taken, so it may be a mixture of two jobs: then no chunk is taken. */
function read({ words: shared, numbers: written }) {
  const count = Math.min(written[numbers.count] >>> 0, mostArguments);
  const listed = (list) => Array.from({ length: count }, (_, i) => written[firstArgument + list + i]);
  return {
    memory: written[numbers.memory],
    kernel: written[numbers.kernel],
    units: written[numbers.units],
    unitSize: written[numbers.unitSize],
    total: written[numbers.total],
    counted: written[numbers.counted],
    inner: written[numbers.inner],
    scratch: written[numbers.scratch],
    chunks: Atomics.load(shared, words.chunks),
    values: listed(lists.values),
    steps: listed(lists.steps),
    outerSteps: listed(lists.outerSteps),
  };
}

/** Calls the kernel for one chunk of the job, as the thread with this number. */
export function runChunk(kernel, job, chunk, thread) {
  const { units, unitSize, total, counted, inner, scratch, chunks } = job;
  const first = Math.floor((units * chunk) / chunks);
  const end = Math.floor((units * (chunk + 1)) / chunks);
  const outer = Math.floor(first / inner);
  const place = first - outer * inner;
  const given = job.values.map((value, i) => value + place * job.steps[i] + outer * job.outerSteps[i]);
  given[counted] = Math.min((place + end - first) * unitSize, total) - place * unitSize;
  if (scratch >= 0) given[scratch] = job.values[scratch] + thread * job.steps[scratch];
  kernel(...given);
}

/** Takes chunks of the job until none is left, and computes them. */
export function work(control, job, kernel, thread, ticket) {
  const { words: shared } = control;
  let seen = ticket;
  while ((seen & 255) < job.chunks) {
    const found = Atomics.compareExchange(shared, words.ticket, seen, seen + 1);
    if (found !== seen) {
      // Another thread took this chunk, or the job is over.
      if (found >> 8 !== seen >> 8) return;
      seen = found;
      continue;
    }
    try {
      runChunk(kernel, job, seen & 255, thread);
    } catch {
      Atomics.store(shared, words.failed, 1);
    }
    Atomics.add(shared, words.done, 1);
    if (Atomics.load(shared, words.waiting) === 1) Atomics.notify(shared, words.done);
    seen++;
  }
}

/** Milliseconds that an idle thread waits at full speed. Falling asleep and waking costs more than most pauses of a run take. */
const wakefulMs = 1;

/** Works on what is offered, until there is a message to read. @param kernelOf the kernel of a job, undefined if it is not here */
export function serve(control, thread, handled, kernelOf) {
  const { words: shared } = control;
  let idleSince = 0;
  while (Atomics.load(shared, words.mail) === handled) {
    const ticket = Atomics.load(shared, words.ticket);
    if ((ticket & 255) < Atomics.load(shared, words.chunks)) {
      const job = read(control);
      const kernel = kernelOf(job);
      if (kernel) {
        work(control, job, kernel, thread, ticket);
        idleSince = 0;
        continue;
      }
    }
    const now = performance.now();
    if (idleSince === 0) idleSince = now;
    if (now - idleSince < wakefulMs) for (let i = 0; i < 100 && Atomics.load(shared, words.ticket) === ticket; i++);
    else {
      Atomics.add(shared, words.sleepers, 1);
      Atomics.wait(shared, words.ticket, ticket);
      Atomics.sub(shared, words.sleepers, 1);
      idleSince = 0;
    }
  }
}
