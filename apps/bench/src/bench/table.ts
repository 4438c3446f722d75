/** Shows a report: the headline, the table beside somebody else's figures, notes and plots. */
import { byId, duration, element, giga, threeDigits } from "../dom.js";
import { machineLine } from "../machine.js";
import { inWords, times } from "../paired.js";
import { type Cell, namesOf } from "./cells.js";
import { plotsOf } from "./chart.js";
import { agreementInWords, type Report, type SharedCell, type SharedReport, speedupOf } from "./report.js";

type TitleOf = (backend: string) => string;

/** The columns after the name of a row. */
export const columns: readonly string[] = [
  "Images/s",
  "Speedup",
  "Median",
  "90 %",
  "First run",
  "Load",
  "GMACs",
  "Same answer",
  "Off by",
  "Answer",
  "Theirs, images/s",
];

const isSame = (one: SharedCell, other: SharedCell) =>
  (["backend", "policy", "dtype", "batch"] as const).every((key) => one[key] === other[key]);

let drawn: (() => void) | undefined;
let watched: ResizeObserver | undefined;

export function showReport(report: Report | undefined, theirs: SharedReport | undefined, titleOf: TitleOf): void {
  byId("bench-results", "div").hidden = !report && !theirs;
  byId("bench-own", "div").hidden = !report;
  const cells: readonly SharedCell[] = report?.cells ?? [];
  const alone = (theirs?.cells ?? []).filter((their) => !cells.some((own) => isSame(own, their)));
  byId("bench-best", "p").textContent = report ? fastest(report.cells, titleOf) : "Somebody else's results";
  const facts = [
    report && `Here: ${report.model} · ${new Date(report.date).toLocaleString()} · ${machineLine(report.machine)}`,
    theirs && `Theirs: ${theirs.model} · ${new Date(theirs.date).toLocaleString()} · ${machineLine(theirs.machine)}`,
  ];
  byId("bench-facts", "p").textContent = facts.filter(Boolean).join(" — ");
  byId("bench-notes", "ul").replaceChildren(...notesOf(report, titleOf).map((note) => element("li", {}, note)));
  const nameOf = namesOf([...cells, ...alone]);
  const rowOf = (cell: SharedCell, own: boolean) => {
    const their = theirs && (own ? theirs.cells.find((other) => isSame(cell, other)) : cell);
    return tableRow(cell, own, their, titleOf(cell.backend), nameOf(cell));
  };
  byId("bench-rows", "tbody").replaceChildren(
    ...cells.map((cell) => rowOf(cell, true)),
    ...alone.map((cell) => rowOf(cell, false)),
  );
  byId("bench-table", "table").classList.toggle("without-theirs", !theirs);
  const plots = byId("bench-plots", "div");
  drawn = () => {
    if (report) plots.replaceChildren(...figuresOf(report.cells, titleOf, plots.clientWidth));
  };
  drawn();
  // Plots are redrawn at each width. Scaling them would make their text too small on a phone.
  watched ??= new ResizeObserver(() => drawn?.());
  watched.observe(plots);
}

function notesOf(report: Report | undefined, titleOf: TitleOf): string[] {
  if (!report) return [];
  const { failures, hiddenRuns, unfinished } = report;
  const nameOf = namesOf(report.cells);
  return [
    ...failures.map((failure) => `${titleOf(failure.backend)}, ${nameOf(failure)}: ${failure.message}`),
    ...unfinished.map((backend) => `${titleOf(backend)} was not finished: its figures are of fewer runs, or missing.`),
    ...(hiddenRuns > 0 ? [`The tab was hidden during ${hiddenRuns} runs; browsers slow hidden tabs down.`] : []),
  ];
}

/** A sentence that names the fastest backend and policy, and its speed if that can be told. */
function fastest(cells: readonly Cell[], titleOf: TitleOf): string {
  const [best] = cells.toSorted((a, b) => b.imagesPerSecond - a.imagesPerSecond);
  if (!best) return "Nothing is measured yet.";
  const { backend, imagesPerSecond, estimate } = best;
  const name = namesOf(cells)(best);
  const gain =
    estimate?.verdict === "noisy"
      ? "; this machine is too noisy to tell its speedup"
      : estimate
        ? `, ${inWords(estimate).replace(" on this machine", " as the unreduced model here")}`
        : "";
  return `Fastest here: ${titleOf(backend)}, ${name}: ${threeDigits(imagesPerSecond)} images/s${gain}.`;
}

function tableRow(cell: SharedCell, own: boolean, their: SharedCell | undefined, title: string, name: string) {
  const { policy, estimate, loadMs, firstRunMs, medianMs, p90Ms, imagesPerSecond, gmacs, difference } = cell;
  const mine = (text: string) => (own ? text : "–");
  const ratio = own && their ? ` (here ${times(imagesPerSecond / their.imagesPerSecond)})` : "";
  const values = [
    mine(threeDigits(imagesPerSecond)),
    mine(speedupOf(cell)),
    mine(duration(medianMs)),
    mine(duration(p90Ms)),
    mine(duration(firstRunMs)),
    mine(duration(loadMs)),
    giga(gmacs),
    mine(agreementInWords(cell.agreement)),
    mine(difference === undefined ? "–" : threeDigits(difference)),
    cell.label,
    their ? `${threeDigits(their.imagesPerSecond)}${ratio}` : "–",
  ];
  return element(
    "tr",
    { class: `policy-${policy}` },
    element("th", { scope: "row" }, title, " ", element("span", { class: "badge" }, name)),
    ...values.map((value, i) =>
      element(
        "td",
        {
          "data-name": columns[i],
          title:
            i === 1 && estimate
              ? `95 % interval ${estimate.low.toFixed(2)} to ${estimate.high.toFixed(2)}, ${estimate.pairs} turns`
              : undefined,
        },
        value,
      ),
    ),
  );
}

/** The plots, two in a row if there is room. */
function figuresOf(cells: readonly Cell[], titleOf: TitleOf, width: number): HTMLElement[] {
  const gap = 32;
  const half = Math.floor(width >= 900 ? (width - gap) / 2 : width);
  return plotsOf(cells, titleOf, { half, full: width }).map((plot) => {
    const [title] = plot.querySelector("title")!.textContent!.split(". ");
    const figure = element("figure", { class: "plot-figure" }, element("figcaption", {}, title!), plot);
    // A long title must not make it wider than its plot.
    figure.style.width = `${plot.getAttribute("width")}px`;
    return figure;
  });
}
