/** A control is a part of the form beside the result. It is one file of this folder and one line of index.ts. */
import type { App } from "../app.js";

export interface Control {
  readonly name: string;
  readonly title: string;
  /** Fills its section, which is part of the page. */
  mount(app: App, section: HTMLElement): void;
}
