/** The benchmark's section of the page: starts it, shows results while it runs, and hands them on. */

import { reasonOf } from "@ppt-vit/core";
import { effect } from "@preact/signals-core";
import type { App } from "../app.js";
import { byId, complain, duration, settle } from "../dom.js";
import type { Picture } from "../picture.js";
import { hasPrecision } from "../precisions.js";
import { type BenchmarkResult, oracle, runBenchmark } from "./benchmark.js";
import { namesOf } from "./cells.js";
import { format, parseReport, type Report, type SharedReport, unpackReport } from "./report.js";
import { shareButtons } from "./share.js";
import { showReport } from "./table.js";

/** The versions of this project and of the runtimes, which the build puts in. */
declare const __VERSIONS__: Readonly<Record<string, string>>;

export function setUpBench(app: App): void {
  const { machine, choices } = app;
  const [start, skip, cancel] = ["bench-start", "bench-skip", "bench-cancel"].map((id) => byId(id, "button"));
  const status = byId("bench-status", "p");
  const bar = byId("bench-progress", "progress");
  const now = byId("bench-now", "p");
  const titleOf = (backend: string) => choices.find(({ name }) => name === backend)?.title ?? backend;
  let controller: AbortController | undefined;
  let report: Report | undefined;
  let theirs: SharedReport | undefined;
  const show = () => showReport(report, theirs, titleOf);

  async function run(): Promise<void> {
    const [model, settings, pictures] = [app.model.peek(), app.settings.peek(), picturesToMeasure(app)];
    const backends = settings.backends.filter((name) =>
      choices.some((choice) => choice.name === name && !choice.unavailable),
    );
    if (backends.length === 0 || settings.policies.length === 0 || settings.dtypes.length === 0)
      return complain(
        "Choose at least one backend that works in this browser, at least one policy, and at least one precision.",
        "bench",
      );
    if (pictures.length === 0) return complain("The benchmark needs a picture: choose one.", "bench");
    settle("bench");

    controller = new AbortController();
    const { signal } = controller;
    app.busy.value = "benchmark";
    working(true);
    let saidBackend = "";
    const nameOf = namesOf([]);
    const began = performance.now();
    const describe = (result: BenchmarkResult): Report => {
      const { preset, layers, tokensRemoved, threshold, policies, dtypes, runs, warmup, batches } = settings;
      return {
        format,
        date: new Date().toISOString(),
        address: location.href.replace(/#.*/, ""),
        model: model.title,
        machine,
        versions: __VERSIONS__,
        settings: {
          backends,
          policies,
          dtypes,
          runs,
          warmup,
          batches,
          ...(preset && { preset }),
          ...(layers && { layers }),
          ...(tokensRemoved !== undefined && { tokensRemoved }),
          ...(threshold !== undefined && { threshold }),
        },
        pictures: pictures.slice(0, batches.at(-1)).map(({ name }) => name),
        ...result,
      };
    };
    const update = (result: BenchmarkResult) => {
      report = describe(result);
      show();
    };
    try {
      await app.session.pause();
      const answer = await app.session.answerFor(model, settings);
      const result = await runBenchmark({
        source: await app.session.files(model),
        answer,
        pictures: pictures.map(({ blob }) => blob),
        settings: { ...settings, backends },
        has: (backend, precision) =>
          choices.some((choice) => choice.name === backend && hasPrecision(choice, precision)),
        loadOracle: (policy) => app.session.load(model, answer, oracle, { ...settings, policy }),
        signal,
        onBackend(skipThis) {
          skip!.onclick = skipThis;
        },
        onProgress(done, total, { backend, policy, dtype, step }) {
          bar.value = done / total;
          const left = done > 0 ? ((performance.now() - began) / done) * (total - done) : undefined;
          const time = left === undefined ? "" : `, about ${duration(Math.max(1000, left))} left`;
          now.textContent = `${titleOf(backend)}, ${nameOf({ policy, dtype })}: ${step}${time}`;
          // Screen readers announce the status. It changes once per backend, because an announcement per run is too much.
          if (backend !== saidBackend) status.textContent = `Measuring ${titleOf(backend)}`;
          saidBackend = backend;
        },
        onResult: update,
      });
      update(result);
      const { cells, failures, unfinished } = result;
      const rest = unfinished.length > 0 ? `, ${unfinished.map(titleOf).join(", ")} not finished` : "";
      const ended = signal.aborted ? "Cancelled" : "Done";
      status.textContent = `${ended}: ${cells.length} measured, ${failures.length} failed${rest}.`;
    } catch (error) {
      status.textContent = "The benchmark ended early.";
      complain(`Benchmark: ${reasonOf(error)}`, "bench");
    } finally {
      controller = undefined;
      working(false);
      app.busy.value = undefined;
    }
  }

  /** The focus goes where it is needed next. */
  function working(on: boolean): void {
    start!.disabled = on;
    cancel!.hidden = !on;
    skip!.hidden = !on;
    bar.hidden = !on;
    bar.value = 0;
    now.textContent = "";
    (on ? cancel : start)!.focus();
  }

  start!.addEventListener("click", () => void run());
  cancel!.addEventListener("click", () => controller?.abort());
  shareButtons(app, status, () => report, titleOf);

  function compare(read: () => Promise<SharedReport | undefined>, from: string): void {
    read().then(
      (found) => {
        if (!found) return;
        theirs = found;
        settle("bench");
        show();
        status.textContent = `${from} is beside your own results: run the benchmark to compare.`;
      },
      (error: unknown) => complain(`${from} cannot be shown: ${reasonOf(error)}.`, "bench"),
    );
  }
  const input = byId("bench-import", "input");
  input.addEventListener("change", () => {
    const [file] = input.files ?? [];
    if (file) compare(async () => parseReport(await file.text()), file.name);
    input.value = "";
  });
  compare(() => unpackReport(location.hash), "The result of the link");

  // An address may ask for a run. It begins when the machine is free of the first answer.
  if (app.settings.peek().autorun) {
    const stop = effect(() => {
      if (!app.outcome.value || app.busy.value) return;
      queueMicrotask(() => {
        stop();
        void run();
      });
    });
  }
}

/** The pictures for the benchmark: the selected one first, then the others. */
function picturesToMeasure(app: App): readonly Picture[] {
  const [picture, all] = [app.picture.peek(), app.pictures.peek()];
  return picture ? [picture, ...all.filter((one) => one !== picture)] : all;
}
