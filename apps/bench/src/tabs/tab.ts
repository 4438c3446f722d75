/** A tab is a part of the page with an address of its own, `?tab=NAME`. It is one file of this folder and one line of index.ts. */
import type { App } from "../app.js";
import type { PolicyChoice } from "../settings.js";

export interface Tab {
  readonly name: string;
  readonly title: string;
  /** Fills the tab's panel, which is part of the page, when the tab is first shown. */
  mount(app: App, panel: HTMLElement): void;
  /** Called when another tab is shown instead. */
  leave?(app: App): void;
  /** Policies that the session compares on the picture while the tab is shown. */
  readonly policies?: readonly PolicyChoice[];
  /** Whether the controls of picture and model stand beside it. */
  readonly controls: boolean;
}
