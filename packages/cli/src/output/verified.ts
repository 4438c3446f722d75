/** Says in words what `--verify` compared and found, or why it compared nothing. */
import type { ModelVerification } from "@ppt-vit/pipeline";

export function describeVerification(verification: ModelVerification): string {
  if (verification.against === "nothing") return `not verified: ${verification.reason}`;
  const { against, difference, tolerance } = verification;
  const whose = against === "verification.json" ? "those in verification.json" : "those of the CPU backend";
  return `verified (logits of a known input ${difference.toExponential(1)} from ${whose}, at most ${tolerance} is right)`;
}
