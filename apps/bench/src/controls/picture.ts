/** The choice of the picture. */
import { element } from "../dom.js";
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
      element("p", { class: "fine" }, "You can also drop pictures anywhere on the page, or paste one."),
      element("ul", { id: "own", class: "thumbs", "aria-label": "Your pictures", hidden: true }),
      element("ul", { id: "samples", class: "thumbs", "aria-label": "Sample pictures" }),
    );
    setUpPictures(app);
  },
};
