/** What reads the files of each family, at once. Families with `loadReader` have an entry here: this file is large, and few need it. */
import { timm } from "./families/timm.js";
import { reader as timmReader } from "./families/timm-reader.js";
import type { AnyFamily, FamilyReader } from "./family.js";

const loaded = new Map<AnyFamily, FamilyReader>([[timm, timmReader]]);

export const readerOf = (family: AnyFamily): FamilyReader => ("loadReader" in family ? loaded.get(family)! : family);
