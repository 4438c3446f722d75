/** The line that says what the page does. */
import { effect } from "@preact/signals-core";
import type { App } from "./app.js";
import { element } from "./dom.js";

/** What the page does at the moment, for eyes and screen readers. */
export function statusLine(app: App, prefix: string): HTMLElement {
  const text = element("p", { id: `${prefix}-status`, role: "status" });
  const bar = element("progress", { id: `${prefix}-progress`, "aria-label": "Loading the model", max: 1 });
  const line = element("div", { class: "status" }, text, bar);
  effect(() => {
    const { text: said, working, share } = app.status.value;
    line.classList.toggle("resting", !working && app.outcome.value !== undefined);
    // Screen readers announce the status. It is set only if it changes, so that nothing is announced twice.
    if (text.textContent !== said) text.textContent = said;
    bar.hidden = !working;
    if (share === undefined) bar.removeAttribute("value");
    else bar.value = share;
  });
  return line;
}
