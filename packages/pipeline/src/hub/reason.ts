/** Why a connection broke: the code of the error's cause (ECONNRESET), or its message. */
export function connectionReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (cause instanceof Error) return "code" in cause ? String(cause.code) : cause.message;
  return error.message;
}
