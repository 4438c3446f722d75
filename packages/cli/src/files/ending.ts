/** What happens to files when a signal ends the process. */

const endings = ["SIGINT", "SIGTERM", "SIGHUP"] as const satisfies readonly NodeJS.Signals[];

/**
 * Calls `clean` when a signal ends the process, which then ends by that signal unless somebody else listens to it.
 * -> stops listening
 */
export function onEnding(clean: () => void): () => void {
  const stop = () => {
    for (const signal of endings) process.off(signal, end);
  };
  const end = (signal: NodeJS.Signals) => {
    stop();
    clean();
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  };
  for (const signal of endings) process.on(signal, end);
  return stop;
}

/** Until `release`, a signal does not end the process at once but after the synchronous code that follows. -> release */
export function holdSignals(): () => void {
  const stop = onEnding(() => {});
  // A signal that has come by now is delivered in the event loop's next turn.
  return () => void setImmediate(() => setImmediate(stop));
}
