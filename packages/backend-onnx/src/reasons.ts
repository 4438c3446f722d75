/** What ONNX Runtime says when something fails, named by what can be done about it. */
import { firstLineOf, isPptError, PptError, type PptErrorCode, reasonOf } from "@ppt-vit/core";
import type { OnnxDevice } from "./devices.js";

/**
 * The first line of what ONNX Runtime says, without error numbers and without the file and function of its own source
 * that say it.
 */
export function shortReason(cause: unknown): string {
  return firstLineOf(cause)
    .replace(/^failed to call OrtRun\(\)\. ERROR_CODE: \d+, ERROR_MESSAGE: /, "")
    .replace(/\/\S+:\d+ (?:.* was false\. |[^()]*\([^()]*\)(?: const)? )/, "");
}

/** In this order: a lost device makes allocations fail too. Wordings of ONNX Runtime 1.30, Dawn, Chromium and V8. */
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
    // A tensor beyond the largest binding is bound in pieces, until there are too many; a buffer is invalid when it
    // could not be allocated; wasm counts bytes in 32 bits.
    said: /failed to allocate|bad_alloc|out.?of.?memory|allocation (size too large|failed)|tensor shape is too large|integer overflow|exceeds the max buffer size|Too many storage buffers|\[Invalid Buffer|Invalid typed array length/i,
    what: "out of memory",
    advice: "pass dtype 'fp16' where the device has it",
  },
];

/** An error of `doing` on a device, named by what is known of the reason. */
export function runtimeError(
  doing: "run" | "opening the model",
  device: OnnxDevice,
  cause: unknown,
  otherwise: string,
): PptError {
  if (isPptError(cause)) return cause;
  const reason = shortReason(cause);
  // The shortened reason may have lost the word that tells.
  const found = known.find(({ said }) => said.test(reasonOf(cause)));
  const { code, what, advice } = found ?? { code: "BACKEND_UNAVAILABLE", what: "failed", advice: otherwise };
  const smaller = doing === "run" ? "run fewer images at once" : "dispose other models, take a smaller one";
  const toDo = code === "OUT_OF_MEMORY" ? `${smaller}, or ${advice}` : advice;
  return new PptError(code, `${doing} on device '${device}': ${what} (${reason}): ${toDo}`, { cause });
}
