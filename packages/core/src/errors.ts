/** What went wrong, for programs. The message says it for people. */
export type PptErrorCode =
  | "INVALID_SHAPE"
  | "INVALID_DTYPE"
  | "INVALID_CONFIG"
  | "INVALID_REDUCTION"
  | "INVALID_WEIGHTS"
  | "INVALID_SAFETENSORS"
  | "INVALID_INPUT"
  | "INVALID_IMAGE"
  | "INVALID_OPTION"
  | "NOT_FINITE"
  | "VERIFICATION_FAILED"
  | "WRITE_FAILED"
  | "NOT_FOUND"
  | "ACCESS_DENIED"
  | "DOWNLOAD_FAILED"
  | "UNKNOWN_BACKEND"
  | "BACKEND_UNAVAILABLE"
  | "UNSUPPORTED_DTYPE"
  | "OUT_OF_MEMORY"
  | "DEVICE_LOST"
  | "DISPOSED";

// A registered symbol: two installed copies of this package still recognise each other's errors.
const marker = Symbol.for("ppt-vit.error");

/** Every error that ppt-vit throws on purpose. `code` is stable; `message` says what was seen and what to do. */
export class PptError extends Error {
  readonly code: PptErrorCode;
  readonly [marker] = true;

  constructor(code: PptErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "PptError";
    this.code = code;
  }
}

/** True for errors of this project, also when they come from another installed copy of it. */
export function isPptError(error: unknown): error is PptError {
  return typeof error === "object" && error !== null && marker in error;
}

/** What an error says, whatever was thrown: its message, or the value as text. */
export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The first line of what an error says: runtimes add stacks and their own state below it. */
export const firstLineOf = (error: unknown): string => reasonOf(error).split("\n")[0]!;
