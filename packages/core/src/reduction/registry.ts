/**
 * The policies. A new one is its file, the line that imports it, and one line in each list; TypeScript notices where one is
 * forgotten.
 */
import { evit, evitReference } from "./policies/evit.js";
import { ppt, pptReference } from "./policies/ppt.js";
import { tome, tomeReference } from "./policies/tome.js";
import { topK, topKReference } from "./policies/top-k.js";
import type { ReductionPolicy } from "./policy.js";
import type { PolicyReference } from "./reference.js";

export const policies = [
  ppt, // the default
  tome,
  topK,
  evit,
] as const satisfies readonly ReductionPolicy[];

/** What each policy is held against. Only tests import it, so bundlers leave it out. */
export const policyReferences: Readonly<Record<PolicyName, PolicyReference>> = {
  ppt: pptReference,
  tome: tomeReference,
  "top-k": topKReference,
  evit: evitReference,
};

export type PolicyName = (typeof policies)[number]["name"];

/** What is meant where settings name no policy. */
export const defaultPolicy: ReductionPolicy = policies[0];

export const policyNames: readonly PolicyName[] = policies.map(({ name }) => name);

export const isPolicyName = (name: unknown): name is PolicyName => policies.some((policy) => policy.name === name);

/** The policy of that name, undefined where there is none. */
export const policyNamed = (name: string): ReductionPolicy | undefined =>
  policies.find((policy) => policy.name === name);
