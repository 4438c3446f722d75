/** The benchmark's section of the page: the choices, the progress and the results. */
import { reasonOf } from "@ppt-vit/core";
import { type BenchmarkResult, type Cell, runBenchmark } from "./benchmark.js";
import { plotsOf } from "./chart.js";
import { byId, complain, duration, element, giga, isAbort, threeDigits } from "./dom.js";
import { type BackendChoice, type Machine, machineLine } from "./machine.js";
import type { ModelChoice } from "./models.js";
import type { Picture } from "./pictures.js";
import { policyTitles, type Settings } from "./settings.js";

export interface BenchOptions {
  readonly machine: Machine;
  readonly choices: readonly BackendChoice[];
  /** The model, pictures and settings at the moment the button is pressed. */
  readonly current: () => { model: ModelChoice; pictures: readonly Picture[]; settings: Settings };
  readonly onStart: () => void;
  readonly onEnd: () => void;
}

/** The JSON document that the user copies or downloads. */
interface Report extends BenchmarkResult {
  readonly format: "ppt-vit-bench/1";
  readonly date: string;
  readonly address: string;
  readonly model: string;
  readonly machine: Machine;
  readonly settings: Pick<Settings, "layers" | "tokensRemoved" | "threshold" | "runs" | "warmup" | "batch">;
  readonly pictures: readonly string[];
}

export function setUpBench({ machine, choices, current, onStart, onEnd }: BenchOptions): void {
  const start = byId("bench-start", "button");
  const cancel = byId("bench-cancel", "button");
  const status = byId("bench-status", "p");
  const bar = byId("bench-progress", "progress");
  const results = byId("bench-results", "div");
  const titleOf = (backend: string) => choices.find(({ name }) => name === backend)?.title ?? backend;
  let controller: AbortController | undefined;
  let report: Report | undefined;

  async function run(): Promise<void> {
    const { model, pictures, settings } = current();
    const missing = settings.backends.filter((name) => choices.find((choice) => choice.name === name)?.unavailable);
    const backends = settings.backends.filter((name) => !missing.includes(name));
    if (backends.length === 0 || settings.policies.length === 0)
      return complain("Choose at least one backend that works in this browser, and at least one policy.");
    if (pictures.length === 0) return complain("The benchmark needs a picture: choose one.");

    controller = new AbortController();
    onStart();
    start.disabled = true;
    cancel.hidden = false;
    bar.hidden = false;
    bar.value = 0;
    cancel.focus();
    let saidBackend = "";
    try {
      const result = await runBenchmark({
        model,
        pictures: pictures.map(({ blob }) => blob),
        settings: { ...settings, backends },
        signal: controller.signal,
        onProgress(done, total, { backend, policy, step }) {
          bar.value = done / total;
          byId("bench-now", "p").textContent = `${titleOf(backend)}, ${policyTitles[policy]}: ${step}`;
          // Screen readers announce the status. It changes once per backend, because an announcement per run is too much.
          if (backend !== saidBackend) status.textContent = `Measuring ${titleOf(backend)}`;
          saidBackend = backend;
        },
      });
      const { layers, tokensRemoved, threshold, runs, warmup, batch } = settings;
      report = {
        format: "ppt-vit-bench/1",
        date: new Date().toISOString(),
        address: location.href,
        model: model.title,
        machine,
        settings: {
          runs,
          warmup,
          batch,
          ...(layers && { layers }),
          ...(tokensRemoved !== undefined && { tokensRemoved }),
          ...(threshold !== undefined && { threshold }),
        },
        pictures: pictures.slice(0, batch).map(({ name }) => name),
        ...result,
      };
      show(report);
      status.textContent = `Done: ${result.cells.length} measured, ${result.failures.length} failed.`;
    } catch (error) {
      const stopped = isAbort(error);
      status.textContent = stopped ? "Cancelled." : "The benchmark ended early.";
      if (!stopped) complain(`Benchmark: ${reasonOf(error)}`);
    } finally {
      controller = undefined;
      start.disabled = false;
      cancel.hidden = true;
      bar.hidden = true;
      byId("bench-now", "p").textContent = "";
      start.focus();
      onEnd();
    }
  }

  function show({ cells, failures, hiddenRuns, date, model }: Report): void {
    results.hidden = false;
    byId("bench-best", "p").textContent = fastest(cells, titleOf);
    byId("bench-facts", "p").textContent = `${model} · ${new Date(date).toLocaleString()} · ${machineLine(machine)}`;
    const notes = [
      ...failures.map(({ backend, policy, message }) => `${titleOf(backend)}, ${policyTitles[policy]}: ${message}`),
      ...(hiddenRuns > 0 ? [`The tab was hidden during ${hiddenRuns} runs; browsers slow hidden tabs down.`] : []),
    ];
    byId("bench-notes", "ul").replaceChildren(...notes.map((note) => element("li", {}, note)));
    byId("bench-rows", "tbody").replaceChildren(...cells.map((cell) => tableRow(cell, titleOf)));
    drawPlots();
  }

  const plots = byId("bench-plots", "div");
  function drawPlots(): void {
    if (report) plots.replaceChildren(...figuresOf(report.cells, titleOf, plots.clientWidth));
  }
  // Plots are redrawn at each width. Scaling them would make their text too small on a phone.
  new ResizeObserver(drawPlots).observe(plots);

  start.addEventListener("click", () => void run());
  cancel.addEventListener("click", () => controller?.abort());
  byId("bench-copy", "button").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(JSON.stringify(report, undefined, 2));
      status.textContent = "The JSON is in the clipboard.";
    } catch (error) {
      complain(`The JSON could not be copied (${reasonOf(error)}): download it instead.`);
    }
  });
  byId("bench-download", "button").addEventListener("click", () => {
    const blob = new Blob([`${JSON.stringify(report, undefined, 2)}\n`], { type: "application/json" });
    const link = element("a", { href: URL.createObjectURL(blob), download: `ppt-vit-bench-${report!.date}.json` });
    link.click();
    URL.revokeObjectURL(link.href);
  });
}

/** A sentence that names the fastest backend and policy. */
function fastest(cells: readonly Cell[], titleOf: (backend: string) => string): string {
  const [best] = cells.toSorted((a, b) => b.imagesPerSecond - a.imagesPerSecond);
  if (!best) return "Nothing could be measured.";
  const { backend, policy, imagesPerSecond, speedup } = best;
  const gain = policy !== "unreduced" && speedup !== undefined ? `, ${speedup.toFixed(2)}× the unreduced model` : "";
  return `Fastest here: ${titleOf(backend)}, ${policyTitles[policy]}: ${threeDigits(imagesPerSecond)} images/s${gain}.`;
}

function tableRow(cell: Cell, titleOf: (backend: string) => string): HTMLTableRowElement {
  const { backend, policy, loadMs, firstRunMs, medianMs, p90Ms, imagesPerSecond, speedup, gmacs, label } = cell;
  const numbers: [string, string][] = [
    ["images/s", threeDigits(imagesPerSecond)],
    ["speedup", speedup === undefined ? "–" : `${speedup.toFixed(2)}×`],
    ["median", duration(medianMs)],
    ["90 %", duration(p90Ms)],
    ["first run", duration(firstRunMs)],
    ["load", duration(loadMs)],
    ["GMACs", giga(gmacs)],
    ["top label", label],
  ];
  return element(
    "tr",
    { class: `policy-${policy}` },
    element("th", { scope: "row" }, titleOf(backend), " ", element("span", { class: "badge" }, policyTitles[policy])),
    ...numbers.map(([name, value]) => element("td", { "data-name": name }, value)),
  );
}

/** The plots, two in a row if there is room. */
function figuresOf(cells: readonly Cell[], titleOf: (backend: string) => string, width: number): HTMLElement[] {
  const gap = 32;
  const half = Math.floor(width >= 900 ? (width - gap) / 2 : width);
  return plotsOf(cells, titleOf, { half, full: width }).map((plot) => {
    const [title] = plot.querySelector("title")!.textContent!.split(". ");
    return element("figure", { class: "plot-figure" }, element("figcaption", {}, title!), plot);
  });
}
