/** Helpers that build the page, and format numbers for it. */

/** The element of index.html with this id. @throws Error if there is none with this tag */
export function byId<K extends keyof HTMLElementTagNameMap>(id: string, tag: K): HTMLElementTagNameMap[K] {
  const element = document.getElementById(id);
  if (element?.tagName.toLowerCase() !== tag) throw new Error(`index.html has no <${tag} id="${id}">`);
  return element as HTMLElementTagNameMap[K];
}

type Child = Node | string | undefined | false;

type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** A new element with attributes and children. Strings become text and are never parsed as HTML. */
export const element = <K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] => filled(document.createElement(tag), attributes, children);

/** The same for an SVG element. */
export const svg = <K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): SVGElementTagNameMap[K] => filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

function filled<E extends Element>(made: E, attributes: Attributes, children: readonly Child[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child): child is Node | string => child !== undefined && child !== false));
  return made;
}

const messages = () => byId("messages", "div");

/** Parts of the page that have a place for complaints. */
export type Place = "picture" | "model" | "camera" | "bench";

/** The place for complaints about a part of the page. It is empty while there are none. */
export const complaintOf = (place: Place) => element("p", { id: `${place}-complaint`, class: "complaint" });

const placeOf = (place: Place) => document.getElementById(`${place}-complaint`);

/**
 * Says what went wrong in a message that passes by itself, and beside what it concerns, where it stays until `settle` is called. A message
 * that is already shown is not repeated.
 */
export function complain(text: string, place?: Place): void {
  const beside = place && placeOf(place);
  if (beside) beside.textContent = text;
  const said = [...messages().children].some((child) => child.querySelector("p")?.textContent === text);
  if (said) return;
  const close = element("button", { type: "button", class: "quiet", "aria-label": "Dismiss this message" }, "×");
  const message = element("div", { class: "message" }, element("p", {}, text), close);
  close.addEventListener("click", () => message.remove());
  // The style sheet says how long it stays, and that it waits while somebody points at it.
  message.addEventListener("animationend", ({ animationName }) => {
    if (animationName === "pass") message.remove();
  });
  messages().append(message);
}

/** What was complained about is mended, or somebody tries something else. */
export function settle(place: Place): void {
  const beside = placeOf(place);
  if (beside) beside.textContent = "";
}

/** A number with about three significant digits: 1234 -> 1234, 12.34 -> 12.3, 0.001234 -> 1.2e−3. */
export function threeDigits(value: number): string {
  if (value === 0) return "0";
  if (Math.abs(value) < 1e-2) return value.toExponential(1).replace("e-", "e−");
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** Formats multiply-accumulates that are given in 1e9. */
export const giga = (macs: number): string => (macs < 0.01 ? threeDigits(macs) : macs.toFixed(2));

/** Formats milliseconds: 92.9 ms, 11.5 s. */
export const duration = (ms: number): string => (ms < 10_000 ? `${threeDigits(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);

/** A share for people: 0.0123 -> 1.2 %. */
export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** `1 patch`, `2 patches` */
export const counted = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`;
