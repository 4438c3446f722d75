/** The choice of the picture. */
import credits from "../../photographs/index.json";
import { complaintOf, element } from "../dom.js";
import { setUpPictures } from "../pictures.js";
import type { Control } from "./control.js";

export const picture: Control = {
  name: "picture",
  title: "Picture",
  mount(app, section) {
    const camera = element("button", { type: "button", id: "camera-open" }, "Camera");
    camera.addEventListener("click", () => app.change({ tab: "camera" }));
    section.append(
      element(
        "div",
        { class: "row" },
        element("label", { class: "button", for: "files" }, "Choose pictures"),
        element("input", { id: "files", class: "covered", type: "file", accept: "image/*", multiple: true }),
        camera,
      ),
      complaintOf("picture"),
      element("p", { class: "fine" }, "You can also drop pictures anywhere on the page, or paste one."),
      element("ul", { id: "own", class: "thumbs", "aria-label": "Your pictures", hidden: true }),
      element("ul", { id: "samples", class: "thumbs", "aria-label": "Sample pictures" }),
      element("ul", { id: "photographs", class: "thumbs", "aria-label": "Sample photographs" }),
      element(
        "details",
        { class: "credits fine" },
        element("summary", {}, "Photographs are for real models"),
        element(
          "p",
          {},
          "The demo model knows 48 emoji, and guesses one of them for every photograph. Load a model of photographs below. They are free to use: ",
          ...credits.flatMap(({ title, credit, source }) => [
            element("a", { href: source, target: "_blank", rel: "noopener" }, title),
            ` (${credit}). `,
          ]),
        ),
      ),
    );
    setUpPictures(app);
  },
};
