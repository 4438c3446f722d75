/** Says which backend was chosen automatically, and what would be faster. */
import type { FasterBackend } from "./faster.js";
import type { BackendChoice } from "./select.js";

/** Tells the caller which backend `auto` took, or what a backend could not do on this device. */
export interface BackendNotice {
  readonly status: "notice";
  /** The name of the backend. */
  readonly backend: string;
  readonly message: string;
  /** What `message` says would be faster. */
  readonly faster?: FasterBackend;
  /** Both notices have the same status. These belong to the other one. */
  readonly name?: undefined;
  readonly file?: undefined;
}

/** `backend onnx-wasm (auto); onnx-cpu would be faster: npm install onnxruntime-node` */
export function describeChoice(choice: BackendChoice): string {
  const { backend, faster } = choice;
  return [
    `backend ${backend} (auto)`,
    ...brokenIn(choice).map(({ name, reason }) => `${name} does not work here (${reason})`),
    ...(faster ? [`${faster.backend} would be faster: ${faster.install}`] : []),
  ].join("; ");
}

/** Candidates that are installed and do not work. */
const brokenIn = ({ candidates }: BackendChoice) =>
  candidates.filter(({ outcome, install }) => outcome === "failed" && install === undefined);

/** What the console was told already. */
const told = new Set<string>();

/**
 * Sends the notice to `report`. Without `report`, the console gets only what somebody can act on, and only once: a library that
 * works as it should says nothing.
 */
export function announceChoice(choice: BackendChoice, report: ((notice: BackendNotice) => void) | undefined): void {
  const message = describeChoice(choice);
  if (report) {
    const { backend, faster } = choice;
    report({ status: "notice", backend, message, ...(faster && { faster }) });
    return;
  }
  const isRemarkable = choice.faster !== undefined || brokenIn(choice).length > 0;
  if (isRemarkable) warnOnce(message);
}

/** Sends what a backend tells about a model to `report`, else to the console. */
export function announceNotices(
  backend: string,
  notices: readonly string[],
  report: ((notice: BackendNotice) => void) | undefined,
): void {
  for (const message of notices) {
    if (report) report({ status: "notice", backend, message });
    else warnOnce(message);
  }
}

function warnOnce(message: string): void {
  if (told.has(message)) return;
  told.add(message);
  console.warn(`ppt-vit: ${message}`);
}
