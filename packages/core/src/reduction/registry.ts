/**
 * The list of policies. To add one, import its file here and add a line to `policies` and to `policyReferences`. TypeScript
 * reports a missing reference.
 */
import { diffrate, diffrateReference } from "./policies/diffrate.js";
import { evit, evitReference } from "./policies/evit.js";
import { pitome, pitomeReference } from "./policies/pitome.js";
import { ppt, pptReference } from "./policies/ppt.js";
import { tome, tomeReference } from "./policies/tome.js";
import { topK, topKReference } from "./policies/top-k.js";
import type { ReductionPolicy } from "./policy.js";
import type { PolicyReference } from "./reference.js";

/** All built-in policies. */
export const policies = [
  ppt, // the default
  tome,
  topK,
  evit,
  diffrate,
  pitome,
] as const satisfies readonly ReductionPolicy[];

/** The reference that the conformance suite compares each policy with. Only tests import it, so bundlers leave it out. */
export const policyReferences: Readonly<Record<PolicyName, PolicyReference>> = {
  ppt: pptReference,
  tome: tomeReference,
  "top-k": topKReference,
  evit: evitReference,
  diffrate: diffrateReference,
  pitome: pitomeReference,
};

/** The name of a built-in policy. */
export type PolicyName = (typeof policies)[number]["name"];

/** The policy of settings that name none. */
export const defaultPolicy: ReductionPolicy = policies[0];

/** The names of all built-in policies. */
export const policyNames: readonly PolicyName[] = policies.map(({ name }) => name);

/** Whether a value is the name of a built-in policy. */
export const isPolicyName = (name: unknown): name is PolicyName => policies.some((policy) => policy.name === name);

/** The policy called `name`, or undefined if there is none. */
export const policyNamed = (name: string): ReductionPolicy | undefined =>
  policies.find((policy) => policy.name === name);
