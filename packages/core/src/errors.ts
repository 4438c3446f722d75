/** What went wrong, for programs to read. The message is for people. */
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

// A registered symbol lets two installed copies of this package recognise each other's errors.
const marker = Symbol.for("ppt-vit.error");

/** Every error that ppt-vit throws on purpose. `code` is stable. `message` says what was found and what to do. */
export class PptError extends Error {
  readonly code: PptErrorCode;
  readonly [marker] = true;

  constructor(code: PptErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "PptError";
    this.code = code;
  }
}

/** True for errors of this project, including those of another installed copy. */
export function isPptError(error: unknown): error is PptError {
  return typeof error === "object" && error !== null && marker in error;
}

/** The message of an error, or the thrown value as text if it is not an Error. */
export function reasonOf(error: unknown): string {
  try {
    return error instanceof Error ? error.message : String(error);
  } catch {
    return "an object that cannot be shown was thrown";
  }
}

/** The first line of `reasonOf`. Runtimes add stacks and their own state in the lines below. */
export const firstLineOf = (error: unknown): string => reasonOf(error).split("\n")[0]!;
