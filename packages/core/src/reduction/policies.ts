/** The policies by name. */
import { evit } from "./evit.js";
import type { ReductionPolicy } from "./policy.js";
import { ppt } from "./ppt.js";
import { tome } from "./tome.js";
import { topK } from "./top-k.js";

export const policies = { ppt, tome, "top-k": topK, evit } as const satisfies Readonly<Record<string, ReductionPolicy>>;

export type PolicyName = keyof typeof policies;

export const policyNames = Object.keys(policies) as readonly PolicyName[];

export const isPolicyName = (name: unknown): name is PolicyName =>
  typeof name === "string" && Object.hasOwn(policies, name);
