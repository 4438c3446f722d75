/** The buttons below a result: as JSON, a table, a link, or a picture to post. */
import { reasonOf } from "@ppt-vit/core";
import type { App } from "../app.js";
import { byId, complain } from "../dom.js";
import { save } from "../tokens/export.js";
import { cardOf } from "./card.js";
import { markdownOf, packReport, type Report } from "./report.js";

export function shareButtons(
  app: App,
  status: HTMLElement,
  current: () => Report | undefined,
  titleOf: (backend: string) => string,
): void {
  /** Gives a text to the clipboard, and says what it was. */
  async function copy(what: string, text: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
      status.textContent = `${what} is in the clipboard.`;
    } catch (error) {
      complain(`${what} could not be copied (${reasonOf(error)}): download the JSON instead.`, "bench");
    }
  }
  const onClick = (id: string, act: (report: Report) => unknown) =>
    byId(id, "button").addEventListener("click", () => {
      const report = current();
      if (report) act(report);
    });
  onClick("bench-copy", (report) => copy("The JSON", JSON.stringify(report, undefined, 2)));
  onClick("bench-markdown", (report) => copy("The table", markdownOf(report, titleOf)));
  onClick("bench-link", async (report) => copy("The link", `${report.address}#${await packReport(report)}`));
  onClick("bench-download", (report) => {
    const text = `${JSON.stringify(report, undefined, 2)}\n`;
    save(new Blob([text], { type: "application/json" }), `ppt-vit-bench-${report.date}.json`);
  });
  onClick("bench-card", async (report) => {
    try {
      save(await cardOf(report, app.outcome.peek(), titleOf), `ppt-vit-bench-${report.date}.png`);
      status.textContent = "The picture card is saved.";
    } catch (error) {
      complain(`The picture card could not be made: ${reasonOf(error)}.`, "bench");
    }
  });
}
