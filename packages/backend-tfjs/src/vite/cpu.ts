/** A part of a build by Vite: see vite-parts.ts of the core. */
import { offerPart } from "@ppt-vit/core/backend";
import * as tfjs from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";

// The engine has registered itself.
offerPart("@tensorflow/tfjs-backend-cpu", tfjs);
