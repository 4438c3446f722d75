/** The tabs, in their order; the first is the page's first screen. To add one, write its file and list it here. */
import { bench } from "./bench.js";
import { camera } from "./camera.js";
import { learn } from "./learn.js";
import { policies } from "./policies.js";
import type { Tab } from "./tab.js";
import { tokens } from "./tokens.js";

export const tabs: readonly Tab[] = [tokens, policies, camera, bench, learn];
