/**
 * What the main entry has and few pages need. `on-demand.ts` has it too, for code that is loaded on demand. esbuild loads every file at
 * once that the main entry names and anything uses: it names this one, which on-demand code does not use.
 */
import * as describe from "./reduction/describe.js";
import * as verification from "./vit/verification.js";

export const describeReduction = describe.describeReduction;
export const findVerificationRecord = verification.findVerificationRecord;
export const recordVerification = verification.recordVerification;
export const verificationInput = verification.verificationInput;
export const verifyModel = verification.verifyModel;
