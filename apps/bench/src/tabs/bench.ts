/** The benchmark's tab: its form and its results. */

import { columns } from "../bench/table.js";
import { setUpBench } from "../bench/view.js";
import { complaintOf, element } from "../dom.js";
import { boxes, settingField } from "../fields.js";
import { hasPrecision, precisionNames } from "../precisions.js";
import { policies, policyTitles, readers } from "../settings.js";
import type { Tab } from "./tab.js";

const dtypeDetails: Readonly<Record<string, string>> = {
  fp32: "weights as they are stored",
  fp16: "half precision, activations too: WebGPU only",
  q8: "8-bit integers",
  q4: "mostly 4-bit integers",
};

const withoutHalf = "no adapter here computes in 16 bits";

export const bench: Tab = {
  name: "bench",
  title: "Benchmark",
  controls: false,
  mount(app, panel) {
    const { backends, policies: chosen, dtypes } = app.settings.peek();
    const field = (id: "runs" | "warmup" | "batches", label: string) =>
      settingField(app, id, label, id, readers[id]).field;
    panel.classList.add("bench");
    panel.append(
      element("h2", {}, "Benchmark"),
      element(
        "form",
        { class: "bench-form", "aria-label": "Benchmark settings" },
        element(
          "fieldset",
          {},
          element("legend", {}, "Backends"),
          boxes(
            "bench-backends",
            app.choices.map(({ name, ...choice }) => ({ value: name, ...choice })),
            backends,
            (backends) => app.change({ backends }),
          ),
        ),
        element(
          "fieldset",
          {},
          element("legend", {}, "Policies"),
          boxes(
            "bench-policies",
            policies.map((value) => ({ value, title: policyTitles[value] })),
            chosen,
            (policies) => app.change({ policies }),
          ),
        ),
        element(
          "fieldset",
          {},
          element("legend", {}, "Precisions"),
          boxes(
            "bench-dtypes",
            precisionNames.map((value) => ({
              value,
              title: value,
              detail: dtypeDetails[value],
              unavailable: app.choices.some((choice) => hasPrecision(choice, value)) ? undefined : withoutHalf,
            })),
            dtypes,
            (dtypes) => app.change({ dtypes }),
          ),
        ),
        element(
          "fieldset",
          {},
          element("legend", {}, "Measurement"),
          element(
            "div",
            { class: "fields" },
            field("runs", "Runs"),
            field("warmup", "Warm-up runs"),
            field("batches", "Pictures per run"),
          ),
          element(
            "p",
            { class: "fine" },
            "Each backend runs in its own worker, where the policies take turns. Times include reading the result back, and exclude decoding. Several numbers of pictures, like 1, 2, 4, 8, give a curve.",
          ),
        ),
      ),
      element(
        "div",
        { class: "row" },
        element("button", { type: "button", id: "bench-start", class: "primary" }, "Run the benchmark"),
        element("button", { type: "button", id: "bench-skip", hidden: true }, "Skip this backend"),
        element("button", { type: "button", id: "bench-cancel", hidden: true }, "Cancel"),
        element("label", { class: "button", for: "bench-import" }, "Compare with a file"),
        element("input", { id: "bench-import", class: "covered", type: "file", accept: "application/json,.json" }),
      ),
      element("progress", { id: "bench-progress", max: 1, "aria-label": "Benchmark", hidden: true }),
      element("p", { id: "bench-status", role: "status" }),
      complaintOf("bench"),
      element("p", { id: "bench-now", class: "fine" }),
      element(
        "div",
        { id: "bench-results", class: "results", hidden: true },
        element("p", { id: "bench-best" }),
        element(
          "div",
          { class: "table" },
          element(
            "table",
            { id: "bench-table" },
            element("caption", { class: "covered" }, "Times per picture, by backend and policy"),
            element(
              "thead",
              {},
              element(
                "tr",
                {},
                ...["Backend and policy", ...columns].map((title) => element("th", { scope: "col" }, title)),
              ),
            ),
            element("tbody", { id: "bench-rows" }),
          ),
        ),
        element("ul", { id: "bench-notes", class: "notes" }),
        element("div", { id: "bench-plots", class: "plots" }),
        element("p", { id: "bench-facts", class: "fine" }),
        element(
          "p",
          { class: "fine" },
          "Speedup: median of the ratios to the unreduced fp32 model of the same turns. Same answer: for how many pictures the answer is that of the unreduced fp32 model. Off by: greatest difference from the numbers of the plain CPU backend in fp32.",
        ),
        element(
          "div",
          { id: "bench-own", class: "row" },
          element("button", { type: "button", id: "bench-copy" }, "Copy JSON"),
          element("button", { type: "button", id: "bench-download" }, "Download JSON"),
          element("button", { type: "button", id: "bench-markdown" }, "Copy as Markdown"),
          element("button", { type: "button", id: "bench-link" }, "Copy a link to it"),
          element("button", { type: "button", id: "bench-card" }, "Save a picture card"),
        ),
        element(
          "p",
          { id: "bench-submit", class: "fine" },
          "To show your machine's result to all, add the downloaded file to ",
          element("code", {}, "benchmarks/submitted"),
          " by a ",
          element(
            "a",
            {
              href: "https://github.com/ppt-vit/ppt-vit/upload/main/benchmarks/submitted",
              target: "_blank",
              rel: "noopener",
            },
            "pull request",
          ),
          ". The documentation lists all of them.",
        ),
      ),
    );
    setUpBench(app);
  },
};
