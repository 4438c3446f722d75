/** What stands beside the pages. The API reference has its own sidebar, which is made with it. */
import { existsSync, readFileSync } from "node:fs";
import type { DefaultTheme } from "vitepress";

type Item = DefaultTheme.SidebarItem;

const pages = (folder: string, items: readonly (readonly [file: string, text: string])[]): Item[] =>
  items.map(([file, text]) => ({ text, link: `/${folder}${file}` }));

export const guides: Item[] = [
  {
    text: "Use it",
    items: pages("guide/", [
      ["node", "Classify in Node"],
      ["browser", "Classify in the browser"],
      ["embed", "Embed a photo library"],
      ["library", "One folder, many machines"],
      ["depth", "Estimate depth"],
      ["zero-shot", "Zero-shot labels with CLIP"],
      ["faster", "Make your own model faster"],
      ["finetune", "Fine-tune without labels"],
      ["app", "The app"],
      ["token-pictures", "Pictures of tokens"],
      ["core", "The model without the pipeline"],
    ]),
  },
  {
    text: "Export it",
    items: pages("guide/", [
      ["transformers-js", "For transformers.js"],
      ["serving", "For Triton, ONNX Runtime"],
    ]),
  },
  {
    text: "What it needs",
    items: pages("guide/", [
      ["backends", "Choose a backend"],
      ["precision", "Choose a precision"],
      ["bundlers", "Bundlers, headers, workers"],
      ["checkpoints", "Checkpoints"],
      ["hub", "Models of the Hub"],
      ["families", "Model families"],
      ["pictures", "Pictures"],
      ["resolution", "Another resolution"],
    ]),
  },
  { text: "Understand it", items: pages("explain/", [["ppt", "How PPT works"]]) },
  {
    text: "Come from",
    items: pages("migrate/", [
      ["transformers-js", "transformers.js"],
      ["onnxruntime-web", "onnxruntime-web"],
      ["tfjs", "TensorFlow.js"],
      ["pytorch", "The authors' PyTorch"],
    ]),
  },
  {
    text: "Extend it",
    items: pages("extend/", [
      ["policy", "Write a policy"],
      ["family", "Write a family"],
      ["task", "Write a task"],
      ["backend", "Write a backend"],
    ]),
  },
  {
    text: "Command line",
    items: pages("cli/", [
      ["", "ppt-vit"],
      ...[
        "classify",
        "embed",
        "depth",
        "merge",
        "check",
        "visualize",
        "eval",
        "calibrate",
        "export",
        "info",
        "doctor",
        "bench",
      ].map((name) => [name, name] as const),
    ]),
  },
  {
    text: "Project",
    items: [
      ["Architecture", "blob/main/docs/architecture.md"],
      ["Decisions", "tree/main/docs/decisions"],
      ["Contribute and release", "blob/main/CONTRIBUTING.md"],
    ].map(([text, path]) => ({ text: text!, link: `https://github.com/ppt-vit/ppt-vit/${path}` })),
  },
  {
    text: "Facts",
    items: pages("", [
      ["compatibility", "Compatibility"],
      ["benchmarks", "Benchmarks"],
      ["submitted", "Results of your machines"],
      ["accuracy", "Accuracy and correctness"],
      ["troubleshooting", "Troubleshooting"],
      ["changelog", "Changelog"],
    ]),
  },
];

/** What most readers look for comes first. */
const order = ["pipeline", "pipeline/browser", "core", "core/policy", "core/backend"].map((name) => `@ppt-vit/${name}`);

/** An item that cannot be closed: what closes it is a link inside a button, which screen readers cannot tell apart. */
function open({ collapsed: _, items, ...item }: Item): Item {
  return items ? { ...item, items: items.map(open) } : item;
}

/** The sidebars of the API reference, from the list that is made with it: one for each package, with the entries of that package. */
export function reference(file: URL): DefaultTheme.SidebarMulti {
  if (!existsSync(file)) return {};
  const place = ({ text = "" }: Item) => (order.includes(text) ? order.indexOf(text) : order.length);
  const entries: Item[] = JSON.parse(readFileSync(file, "utf8"));
  entries.sort((a, b) => place(a) - place(b) || a.text!.localeCompare(b.text!));
  const packageOf = ({ text }: Item) => text!.split("/").slice(0, 2).join("/");
  const names = [...new Set(entries.map(packageOf))];
  const all = { text: "All packages", items: names.map((text) => ({ text, link: `/api/${text}/` })) };
  const own = names.map((name) => [
    `/api/${name}/`,
    [...entries.filter((entry) => packageOf(entry) === name).map(open), all],
  ]);
  return { ...Object.fromEntries(own), "/api/": [all] };
}
