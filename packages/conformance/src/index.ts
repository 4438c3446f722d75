/** `@ppt-vit/conformance`: the test suite that every backend must pass. The README says how to run it. */
import { compositeCases } from "./composites.js";
import { familyCases } from "./families.js";
import type { LifecycleOptions } from "./footprint.js";
import { goldenCases, type ReadGolden } from "./golden.js";
import { type ConformanceCase, type CreateBackend, withBackend } from "./harness.js";
import { lifecycleCases } from "./lifecycle.js";
import { misuseCases } from "./misuse/index.js";
import { wholeModelCases } from "./models.js";
import { modernCases } from "./modern.js";
import { casesOfPolicy, policyCases, type TestedPolicy } from "./policies.js";
import { primitiveCases } from "./primitives.js";

/** The backend to test, and what to compare it with. */
export interface ConformanceOptions extends LifecycleOptions {
  /** Makes a new backend to test. Each case calls it once. */
  readonly create: CreateBackend;
  /** Makes the backend to compare whole models with, usually `createCpuBackend` of `@ppt-vit/backend-cpu`. */
  readonly reference: CreateBackend;
  /** Reads a file of this package's `golden` folder. The folder's address is `goldenUrl`. */
  readonly readGolden: ReadGolden;
}

/** All cases for one backend. A case is skipped only if the backend's capabilities say that it does not apply. */
export async function conformanceCases(options: ConformanceOptions): Promise<ConformanceCase[]> {
  const { create, reference, readGolden } = options;
  return withBackend(create, async (backend) => [
    ...primitiveCases(create, backend),
    ...compositeCases(create, backend),
    ...misuseCases(create),
    ...goldenCases(create, backend, readGolden),
    ...familyCases(create, backend, readGolden),
    ...modernCases(create, backend, readGolden),
    ...wholeModelCases(create, backend, reference),
    ...policyCases(create, backend),
    ...lifecycleCases(create, options),
  ]);
}

export interface PolicyConformanceOptions extends TestedPolicy {
  /** Makes a new backend. Each case calls it once. */
  readonly create: CreateBackend;
}

/** Cases that compare a policy of your own with its reference, one for each schedule. */
export const policyConformanceCases = (options: PolicyConformanceOptions): Promise<ConformanceCase[]> =>
  withBackend(options.create, async (backend) => casesOfPolicy(options.create, backend, options));

export { goldenFamilyWeights } from "./families.js";
export type { LifecycleOptions } from "./footprint.js";
export { goldenUrl, type ReadGolden } from "./golden.js";
export type { ConformanceCase, CreateBackend } from "./harness.js";
export { tinyConfig, tinyFamilies } from "./models.js";
export type { TestedPolicy } from "./policies.js";
