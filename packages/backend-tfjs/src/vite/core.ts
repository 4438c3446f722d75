/** A part of a Vite build, see vite-parts.ts of `@ppt-vit/core`. */
import { offerPart } from "@ppt-vit/core/backend";
import * as tfjs from "@tensorflow/tfjs-core";

offerPart("@tensorflow/tfjs-core", tfjs);
