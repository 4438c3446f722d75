/** Controls that hold one setting: text fields that refuse what is illegal, lists to choose from, check boxes. */

import { reasonOf } from "@ppt-vit/core";
import { effect } from "@preact/signals-core";
import type { App } from "./app.js";
import { element } from "./dom.js";
import type { readers, Settings } from "./settings.js";

type Readers = typeof readers;

/** A text field and the place for a complaint beside it. */
export function textField(id: string, label: string, attributes: Readonly<Record<string, string | boolean>> = {}) {
  const input = element("input", { id, inputmode: "text", autocomplete: "off", ...attributes });
  const complaint = element("span", { class: "complaint", id: `${id}-complaint` });
  const field = element("label", {}, label, " ", input, complaint);
  /** What `reader` makes of the text. Undefined if it is illegal; the reason is then shown beside the field. */
  function read<Value>(reader: (text: string) => Value): { value: Value } | undefined {
    try {
      const value = reader(input.value);
      complaint.textContent = "";
      input.removeAttribute("aria-invalid");
      input.removeAttribute("aria-describedby");
      return { value };
    } catch (error) {
      complaint.textContent = reasonOf(error);
      input.setAttribute("aria-invalid", "true");
      input.setAttribute("aria-describedby", complaint.id);
      return undefined;
    }
  }
  return { field, input, complaint, read };
}

/** A field whose setting is applied when the user leaves it. What is illegal stays in the field and is never run. */
export function settingField<Key extends keyof Readers & keyof Settings>(
  app: App,
  id: string,
  label: string,
  key: Key,
  reader: Readers[Key],
  also: Partial<Record<keyof Settings, undefined>> = {},
) {
  const made = textField(id, label);
  const { input, read } = made;
  input.addEventListener("change", () => {
    const entry = read(reader as (text: string) => Settings[Key]);
    if (entry) app.change({ ...also, [key]: entry.value });
  });
  effect(() => {
    const value = app.settings.value[key];
    // An illegal text is left for the user to mend.
    if (!input.matches("[aria-invalid], :focus")) input.value = String(value ?? "").replaceAll(",", ", ");
  });
  return made;
}

export interface Option<Value extends string> {
  readonly value: Value;
  readonly title: string;
  readonly detail?: string | undefined;
  /** Why it cannot be chosen. */
  readonly unavailable?: string | undefined;
}

export function select<Value extends string>(id: string, options: readonly Option<Value>[]): HTMLSelectElement {
  return element(
    "select",
    { id },
    ...options.map(({ value, title, unavailable }) =>
      element("option", { value, disabled: unavailable !== undefined }, title),
    ),
  );
}

/** Check boxes, any number of which may be checked. */
export function boxes<Value extends string>(
  id: string,
  options: readonly Option<Value>[],
  chosen: readonly string[],
  onChange: (chosen: Value[]) => void,
): HTMLElement {
  const inputs = options.map(({ value, unavailable }) =>
    element("input", {
      type: "checkbox",
      id: `${id}-${value}`,
      checked: chosen.includes(value) && !unavailable,
      disabled: unavailable !== undefined,
    }),
  );
  const report = () => onChange(options.flatMap(({ value }, i) => (inputs[i]!.checked ? [value] : [])));
  const labels = options.map(({ title, detail, unavailable }, i) => {
    inputs[i]!.addEventListener("change", report);
    const fine = unavailable ?? detail;
    const text = element("span", {}, title, fine ? element("span", { class: "fine" }, fine) : undefined);
    return element("label", { class: unavailable ? "box unavailable" : "box" }, inputs[i]!, text);
  });
  return element("div", { id, class: "boxes" }, ...labels);
}
