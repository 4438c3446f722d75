/** Which family a `config.json` belongs to. */
import { requireReadable } from "../options.js";
import { show } from "../show.js";
import { families } from "./families/index.js";
import type { AnyFamily, ModelType } from "./family.js";
import { type Fields, fieldsOf, invalid } from "./fields.js";
import { refusedTypes } from "./refused-types.js";

/** The family of a `config.json`. Undefined if no family has its `model_type`. */
export function findFamily(fields: Fields): AnyFamily | undefined {
  const type = fields.value("model_type") ?? undefined;
  if (type === undefined) return families.find(({ recognises }) => recognises?.(fields)) ?? families[0];
  return families.find(({ modelTypes }) => typeof type === "string" && Object.hasOwn(modelTypes, type));
}

/** The family of a `config.json`. @throws PptError INVALID_CONFIG if no family has its `model_type` */
export function familyOf(fields: Fields): AnyFamily {
  const type = fields.value("model_type");
  const ofFamilies = families.flatMap(({ refusedTypes = {} }) => Object.entries(refusedTypes));
  const refusals = new Map([...Object.entries(refusedTypes), ...ofFamilies]);
  const reason = typeof type === "string" ? refusals.get(type) : undefined;
  if (reason) invalid(`model_type ${show(type)} is not supported; ${reason}`);
  const known = families.flatMap(({ modelTypes }) => Object.keys(modelTypes));
  return (
    findFamily(fields) ??
    invalid(`model_type ${show(fields.value("model_type"))} is not supported; ${known.join(", ")} are`)
  );
}

/** What a `model_type` stands for. Undefined if no family has it. */
export function modelTypeOf(type: unknown): ModelType | undefined {
  if (typeof type !== "string") return undefined;
  const family = families.find(({ modelTypes }) => Object.hasOwn(modelTypes, type));
  return family?.modelTypes[type];
}

/**
 * Whether transformers.js builds the same network from this `config.json`. For other files it would build a plain ViT, or
 * fail.
 * @throws PptError INVALID_CONFIG if `json` is not an object
 */
export function isKnownToTransformersJs(json: unknown): boolean {
  requireReadable("isKnownToTransformersJs", json, "INVALID_CONFIG");
  return modelTypeOf(fieldsOf(json).value("model_type"))?.transformersJs === true;
}
