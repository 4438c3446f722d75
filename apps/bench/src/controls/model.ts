/** The choice of the model, of what it is used for, and of the backend. */
import { effect } from "@preact/signals-core";
import { answersOf } from "../answers/index.js";
import type { App } from "../app.js";
import { complaintOf, element } from "../dom.js";
import { select, textField } from "../fields.js";
import { demoModel, hubModel, suggestions } from "../models.js";
import { automatic, readers } from "../settings.js";
import type { Control } from "./control.js";

export const model: Control = {
  name: "model",
  title: "Model",
  mount(app, section) {
    const title = element("p", { id: "model-title" });
    const folder = element("input", { id: "folder", class: "covered", type: "file", webkitdirectory: true });
    folder.addEventListener("change", () => {
      const files = [...(folder.files ?? [])];
      const [name = "folder"] = files[0]?.webkitRelativePath.split("/") ?? [];
      if (files.length > 0) app.choose({ title: name, source: files });
      folder.value = "";
    });
    const demo = element("button", { type: "button", id: "model-demo" }, "Use demo");
    demo.addEventListener("click", () => app.choose(demoModel()));
    const task = element("select", { id: "task" });
    const taskField = element("label", { class: "wide", hidden: true }, "Show ", task);
    task.addEventListener("change", () => app.change({ task: task.value }));
    const backend = select("backend", [
      { value: automatic, title: "Automatic" },
      ...app.choices.map(({ name, title, unavailable }) => ({ value: name, title, unavailable })),
    ]);
    backend.setAttribute("aria-describedby", "backend-note");
    backend.addEventListener("change", () => app.change({ backend: backend.value }));
    const backendNote = element("p", { id: "backend-note", class: "fine" });
    section.append(
      title,
      complaintOf("model"),
      element("div", { class: "fields" }, taskField),
      element(
        "div",
        { class: "row" },
        element("label", { class: "button", for: "folder" }, "Choose folder"),
        folder,
        demo,
      ),
      element(
        "p",
        { class: "fine" },
        "The demo model knows 48 kinds of emoji, and no photographs: those need a real model. A folder is one of a Vision Transformer in the Hugging Face layout: ",
        element("code", {}, "config.json"),
        ", ",
        element("code", {}, "preprocessor_config.json"),
        ", ",
        element("code", {}, "model.safetensors"),
        ".",
      ),
      ...offersOf(app),
      hubForm(app),
      element("div", { class: "fields" }, element("label", { class: "wide" }, "Backend ", backend)),
      backendNote,
    );
    effect(() => {
      title.textContent = app.model.value.title;
    });
    effect(() => {
      backend.value = app.settings.value.backend;
    });
    effect(() => {
      backendNote.textContent = app.chosen.value;
    });
    effect(() => {
      const kinds = answersOf(app.outcome.value?.facts.tasks ?? []);
      taskField.hidden = kinds.length < 2;
      task.replaceChildren(...kinds.map((kind) => element("option", { value: kind.task }, kind.title)));
      task.value = app.outcome.value?.answer.task ?? "";
    });
  },
};

/** A button for each model that the page offers. It says what loading costs, and from where, before it is pressed. */
export const offersOf = (app: App): HTMLButtonElement[] =>
  suggestions.map(({ id, title, about }) => {
    const button = element("button", { type: "button", class: "offer" }, `Load ${title}`);
    button.append(element("span", { class: "fine" }, about));
    button.addEventListener("click", () => app.choose(hubModel(id), id));
    return button;
  });

/** Loads a model of the Hub only when the user asks for it. An address alone must not make the page contact another host. */
function hubForm(app: App): HTMLElement {
  const { input, complaint, read } = textField("hub", "", {
    "aria-label": "Model of the Hugging Face Hub",
    inputmode: "url",
    autocapitalize: "off",
    spellcheck: "false",
    placeholder: "org/name",
  });
  const named = app.settings.value.hub;
  input.value = named ?? "";
  const note = named
    ? `The address of this page names ${named}: Load fetches it from huggingface.co.`
    : "Or type the id of a model on the Hugging Face Hub. The page contacts the Hub only when you press Load.";
  const form = element(
    "form",
    { class: "hub", "aria-label": "Model of the Hub" },
    element(
      "div",
      { class: "beside" },
      input,
      element("button", { type: "submit", id: "hub-load" }, "Load"),
      complaint,
    ),
    element("p", { id: "hub-note", class: "fine" }, note),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const id = read(readers.hub)?.value;
    if (id !== undefined) app.choose(hubModel(id), id);
  });
  return form;
}
