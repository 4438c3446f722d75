/** Handles signals that end the process, so that no file is left half-written or locked. */
import { constants } from "node:os";

const endings = ["SIGINT", "SIGTERM", "SIGHUP"] as const satisfies readonly NodeJS.Signals[];

/**
 * Calls `clean` when a signal arrives. Then the process ends by that signal, unless other code listens to it too.
 * @returns a function that stops listening
 */
export function onEnding(clean: () => void): () => void {
  const stop = () => {
    for (const signal of endings) process.off(signal, end);
  };
  const end = (signal: NodeJS.Signals) => {
    stop();
    clean();
    if (process.listenerCount(signal) > 0) return;
    process.kill(process.pid, signal);
    // Process 1 of a container is not ended by a signal that nobody handles.
    if (process.pid === 1) process.exit(128 + constants.signals[signal]);
  };
  for (const signal of endings) process.on(signal, end);
  return stop;
}

/**
 * Keeps a signal from ending the process before the synchronous code that follows is done.
 * @returns a function that lets signals end the process again
 */
export function holdSignals(): () => void {
  const stop = onEnding(() => {});
  // Node delivers a signal that has already arrived in the next turn of the event loop.
  return () => void setImmediate(() => setImmediate(stop));
}
