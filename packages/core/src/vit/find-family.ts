/** Which family a `config.json` belongs to. */
import { requireReadable } from "../options.js";
import { show } from "../show.js";
import type { AnyFamily, ModelType } from "./family.js";
import { type Fields, fieldsOf, invalid } from "./fields.js";
import { ofFamilies, otherModels } from "./model-code.js";

const known = ofFamilies((families) => families);

/** The family of a `config.json`. Undefined if no family has its `model_type`. */
export function findFamily(fields: Fields): AnyFamily | undefined {
  const type = fields.value("model_type") ?? undefined;
  const families = known();
  if (type === undefined) return families.find(({ recognises }) => recognises?.(fields)) ?? families[0];
  return families.find(({ modelTypes }) => typeof type === "string" && Object.hasOwn(modelTypes, type));
}

/** The family of a `config.json`. @throws PptError INVALID_CONFIG if no family has its `model_type` */
export function familyOf(fields: Fields): AnyFamily {
  const found = findFamily(fields);
  if (found) return found;
  const type = fields.value("model_type");
  const { families, refusedTypes } = otherModels();
  const own = families.flatMap(({ refusedTypes = {} }) => Object.entries(refusedTypes));
  const refusals = new Map([...Object.entries(refusedTypes), ...own]);
  const reason = typeof type === "string" ? refusals.get(type) : undefined;
  if (reason) invalid(`model_type ${show(type)} is not supported; ${reason}`);
  const types = families.flatMap(({ modelTypes }) => Object.keys(modelTypes));
  return invalid(`model_type ${show(type)} is not supported; ${types.join(", ")} are`);
}

/** What a `model_type` stands for. Undefined if no family has it. */
export function modelTypeOf(type: unknown): ModelType | undefined {
  if (typeof type !== "string") return undefined;
  const family = known().find(({ modelTypes }) => Object.hasOwn(modelTypes, type));
  return family?.modelTypes[type];
}

/** `isKnownToTransformersJs`, for models whose code is here: see at-once.ts. */
export function isKnownToTransformersJs(json: unknown): boolean {
  requireReadable("isKnownToTransformersJs", json, "INVALID_CONFIG");
  return modelTypeOf(fieldsOf(json).value("model_type"))?.transformersJs === true;
}
