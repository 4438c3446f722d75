/** Turns the error messages of ONNX Runtime into PptErrors whose code and text say what to do. */
import { firstLineOf, isPptError, PptError, type PptErrorCode, reasonOf } from "@ppt-vit/core";
import type { OnnxDevice } from "./devices.js";

/**
 * The first line of an error message of ONNX Runtime, without error numbers and without the file and function of its source
 * code that raised it.
 */
export function shortReason(cause: unknown): string {
  return firstLineOf(cause)
    .replace(/^failed to call OrtRun\(\)\. ERROR_CODE: \d+, ERROR_MESSAGE: /, "")
    .replace(/\/\S+:\d+ (?:.* was false\. |[^()]*\([^()]*\)(?: const)? )/, "");
}

/**
 * Messages of ONNX Runtime 1.30, Dawn, Chromium and V8. The first match counts: a lost device makes allocations fail too, so it
 * stands before OUT_OF_MEMORY.
 */
const known: readonly { code: PptErrorCode; said: RegExp; what: string; advice: string }[] = [
  {
    code: "BACKEND_UNAVAILABLE",
    said: /content security policy|unsafe-eval|blocked by CSP/i,
    what: "the Content-Security-Policy of this page or worker forbids it",
    advice: "allow 'wasm-unsafe-eval' and the address of the runtime in script-src",
  },
  {
    code: "DEVICE_LOST",
    said: /device (was|is) lost|GPUDevice\.lost|device was destroyed|DEVICE_LOST|DEVICE_(REMOVED|HUNG)/i,
    what: "the GPU device was lost",
    advice: "dispose this backend and every other one on that device, then create another",
  },
  {
    code: "UNSUPPORTED_DTYPE",
    said: /requires f16 but the device does not support it/,
    what: "the GPU cannot compute in half precision",
    advice: "pass dtype 'fp32'",
  },
  {
    code: "OUT_OF_MEMORY",
    // A tensor larger than the largest binding is bound in pieces, up to a number of pieces. A buffer that could not be
    // allocated is invalid. wasm counts bytes in 32 bits.
    said: /failed to allocate|bad_alloc|out.?of.?memory|allocation (size too large|failed)|tensor shape is too large|integer overflow|exceeds the max buffer size|Too many storage buffers|\[Invalid Buffer|Invalid typed array length/i,
    what: "out of memory",
    advice: "pass dtype 'fp16' where the device has it",
  },
];

/** The PptError for a failure while `doing` something on a device. Unknown failures get the advice `otherwise`. */
export function runtimeError(
  doing: "run" | "opening the model",
  device: OnnxDevice,
  cause: unknown,
  otherwise: string,
): PptError {
  if (isPptError(cause)) return cause;
  const reason = shortReason(cause);
  // The whole message is searched: the shortened reason may lack the word that decides.
  const found = known.find(({ said }) => said.test(reasonOf(cause)));
  const { code, what, advice } = found ?? { code: "BACKEND_UNAVAILABLE", what: "failed", advice: otherwise };
  const smaller = doing === "run" ? "run fewer images at once" : "dispose other models, take a smaller one";
  const toDo = code === "OUT_OF_MEMORY" ? `${smaller}, or ${advice}` : advice;
  return new PptError(code, `${doing} on device '${device}': ${what} (${reason}): ${toDo}`, { cause });
}
