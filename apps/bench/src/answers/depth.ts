/** Maps of depth, unreduced and reduced over each other, with a divider to pull. */
import { colourDepth, type DepthEstimate, type DepthEstimator } from "@ppt-vit/pipeline/browser";
import { element, percent, threeDigits } from "../dom.js";
import { answerKind, collected, type Side } from "./answer.js";
import { costOf } from "./labels.js";

/** Maps that differ by less than this share of their range look the same. */
const visible = 0.02;

/** The mean difference of two maps, each as a share of its own range: relative depth has no unit. */
export function differenceOf(one: DepthEstimate, other: DepthEstimate): number {
  const shareOf = ({ predicted_depth, minimum, maximum }: DepthEstimate) => {
    const range = maximum - minimum || 1;
    return (i: number) => (predicted_depth.data[i]! - minimum) / range;
  };
  const [first, second] = [shareOf(one), shareOf(other)];
  const { size } = one.predicted_depth;
  let sum = 0;
  for (let i = 0; i < size; i++) sum += Math.abs(first(i) - second(i));
  return sum / size;
}

export const depth = answerKind<"depth-estimation", DepthEstimate>({
  task: "depth-estimation",
  title: "Depth",
  run: (model, { blob }) => model.estimateDepth(blob),
  runAll: (model, pictures) => collected(model.estimateDepthAll(pictures, { batch: pictures.length })),
  values: ({ predicted_depth }) => predicted_depth.data,
  say: ({ predicted_depth: { dims }, minimum, maximum }) =>
    `depth of ${dims[1]} x ${dims[0]} pixels, ${threeDigits(minimum)} to ${threeDigits(maximum)}`,
  compare(unreduced, reduced) {
    const difference = differenceOf(unreduced, reduced);
    const same = difference < visible;
    return {
      same,
      text: `${same ? "Nearly the same" : "A different"} depth map, ${percent(difference)} off on average,`,
    };
  },
  show(sides) {
    const [before, after] = sides;
    const kind =
      before!.model.depthKind === "metric"
        ? "Metres: yellow is far."
        : "Relative depth: yellow is near, purple is far.";
    return [
      element(
        "div",
        { class: "depth" },
        after ? divided(before!, after) : element("div", { class: "compare" }, mapOf(before!)),
        element("p", { class: "fine" }, kind),
        ...sides.map(({ policy, title, model }) =>
          element("p", { class: "fine" }, `${title}: ${costOf(policy === "unreduced", model)}`),
        ),
      ),
    ];
  },
});

type DepthSide = Side<DepthEstimator, DepthEstimate>;

function mapOf({ title, result }: DepthSide): HTMLCanvasElement {
  const { width, height, data } = colourDepth(result.predicted_depth);
  const canvas = element("canvas", { width, height, role: "img", "aria-label": `Depth map, ${title}` });
  canvas.getContext("2d")!.putImageData(new ImageData(Uint8ClampedArray.from(data), width, height), 0, 0);
  return canvas;
}

/** The reduced map over the unreduced one, cut off at the divider. */
function divided(before: DepthSide, after: DepthSide): HTMLElement {
  const above = mapOf(after);
  above.classList.add("above");
  const slider = element("input", {
    type: "range",
    min: 0,
    max: 100,
    value: 50,
    "aria-label": `Divider between ${before.title} on the left and ${after.title} on the right`,
  });
  const box = element(
    "div",
    { class: "compare" },
    mapOf(before),
    above,
    element("span", { class: "divider", "aria-hidden": "true" }),
    element("span", { class: "corner left" }, before.title),
    element("span", { class: "corner right" }, after.title),
    slider,
  );
  const place = () => box.style.setProperty("--split", `${slider.value}%`);
  slider.addEventListener("input", place);
  place();
  return box;
}
