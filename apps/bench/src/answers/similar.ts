/** The pictures that look most alike, by the cosine of their embeddings. */
import type { Embedding, FeatureExtractor } from "@ppt-vit/pipeline/browser";
import { element, percent } from "../dom.js";
import type { Picture, Seen } from "../picture.js";
import { answerKind, collected, type Side } from "./answer.js";
import { costOf } from "./labels.js";

interface Neighbour {
  readonly picture: Picture;
  readonly cosine: number;
}

interface Similar extends Embedding {
  /** The most similar first. */
  readonly neighbours: readonly Neighbour[];
}

const shown = 5;

/** The embeddings of the pictures that a model has seen. */
const seen = new WeakMap<FeatureExtractor, WeakMap<Picture, Float32Array>>();

async function embeddingOf(model: FeatureExtractor, picture: Picture): Promise<Float32Array> {
  const known = seen.get(model) ?? new WeakMap<Picture, Float32Array>();
  seen.set(model, known);
  const embedding = known.get(picture) ?? (await model.embed(picture.blob, { normalize: true }));
  known.set(picture, embedding);
  return embedding;
}

/** Pictures with their runs, which `embed` alone does not give. */
const embedded = (model: FeatureExtractor, pictures: readonly Seen["blob"][]) =>
  collected(model.embedAll(pictures, { normalize: true, batch: pictures.length }));

const cosine = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

export const similar = answerKind<"image-feature-extraction", Similar>({
  task: "image-feature-extraction",
  title: "Similar pictures",
  async run(model, picture, others) {
    const [own] = await embedded(model, [picture.blob]);
    const neighbours: Neighbour[] = [];
    for (const other of others) {
      if (other === picture) continue;
      const embedding = await embeddingOf(model, other).catch(() => undefined);
      // A file of the list that is no picture is told of when it is chosen.
      if (embedding) neighbours.push({ picture: other, cosine: cosine(own!.embedding, embedding) });
    }
    return { ...own!, neighbours: neighbours.toSorted((a, b) => b.cosine - a.cosine).slice(0, shown) };
  },
  runAll: async (model, pictures) => (await embedded(model, pictures)).map((result) => ({ ...result, neighbours: [] })),
  values: ({ embedding }) => embedding,
  say({ embedding, neighbours: [first] }) {
    return first ? `most like ${first.picture.name}, cosine ${first.cosine.toFixed(2)}` : `${embedding.length} numbers`;
  },
  compare(unreduced, reduced) {
    const alike = cosine(unreduced.embedding, reduced.embedding);
    const [before, after] = [unreduced, reduced].map(({ neighbours }) => neighbours[0]?.picture);
    const same = before === after;
    return {
      same,
      text: `${same ? "Same nearest picture" : "Another nearest picture"}, embeddings ${percent(alike)} alike,`,
    };
  },
  show: (sides) => [element("div", { class: "label-cards" }, ...sides.map(card))],
});

function card({ policy, title, model, result }: Side<FeatureExtractor, Similar>): HTMLElement {
  const rows = result.neighbours.map(({ picture, cosine }) => {
    const address = URL.createObjectURL(picture.blob);
    const image = element("img", { src: address, alt: "", width: 56, height: 56 });
    for (const event of ["load", "error"]) image.addEventListener(event, () => URL.revokeObjectURL(address));
    return element("li", {}, image, element("span", {}, picture.name), element("span", {}, cosine.toFixed(3)));
  });
  return element(
    "article",
    { class: `labels similar policy-${policy}` },
    element("h3", {}, title),
    element("p", { class: "fine" }, costOf(policy === "unreduced", model)),
    element("ol", {}, ...rows),
  );
}
