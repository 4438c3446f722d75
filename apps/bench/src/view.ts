/** The token view: the tokens of one picture after each stage, and its labels unreduced and reduced. */
import { reasonOf } from "@ppt-vit/core";
import type { Classification, ClassifierWorker, ImageClassifier, ImageStage } from "@ppt-vit/pipeline/browser";
import { showAnswer } from "@ppt-vit/pipeline/browser";
import { byId, complain, element, giga, threeDigits } from "./dom.js";
import { loadingShare, type ModelChoice, startWorker } from "./models.js";
import type { Picture } from "./pictures.js";
import { type PolicyChoice, policyTitles, reductionOf, type Settings } from "./settings.js";
import { drawTokens } from "./tokens.js";

export interface ViewRequest {
  readonly model: ModelChoice;
  readonly picture: Picture;
  readonly settings: Settings;
}

export interface View {
  /** Shows a picture when the worker is free. A newer request replaces an older one. */
  show(request: ViewRequest): void;
  /** Ends the worker, so that it does not disturb a measurement. The next request starts a new one. */
  pause(): void;
}

/** A loaded classifier, with its reduction as JSON. */
interface Held {
  readonly key: string;
  readonly classifier: ImageClassifier;
}

export interface ViewOptions {
  /** Called when a model is ready, with the reduced classifier if there is one. */
  readonly onLoaded: (reduced: ImageClassifier | undefined) => void;
  /** Called with what the worker says about the backend that it chose; with an empty text for one that was named. */
  readonly onChosen: (message: string) => void;
  /** Called for a file that is no picture or is refused, after its message was shown. */
  readonly onRefused: (picture: Picture) => void;
}

export function createView({ onLoaded, onChosen, onRefused }: ViewOptions): View {
  const status = byId("view-status", "p");
  const progress = byId("view-progress", "progress");
  let worker: ClassifierWorker | undefined;
  let workerKey = "";
  const held: Partial<Record<"unreduced" | "reduced", Held>> = {};
  let wanted: ViewRequest | undefined;
  let busy = false;

  /** Screen readers announce the status. It is set only if it changes, so that nothing is announced twice. */
  function say(text: string): void {
    if (status.textContent !== text) status.textContent = text;
  }

  function end(): void {
    void worker?.dispose();
    worker = undefined;
    delete held.unreduced;
    delete held.reduced;
  }

  /** The classifier for a policy. A classifier for another policy in this place is disposed first. */
  async function classifierFor(place: "unreduced" | "reduced", policy: PolicyChoice, { model, settings }: ViewRequest) {
    const reduction = reductionOf(policy, settings);
    const key = JSON.stringify(reduction);
    const known = held[place];
    if (known?.key === key) return known.classifier;
    delete held[place];
    await known?.classifier.dispose();
    worker ??= startWorker();
    const current = worker;
    const title = policyTitles[policy];
    const showShare = loadingShare((share) => {
      progress.value = share;
      say(share < 1 ? `Loading the model (${title})` : `Preparing the model (${title})`);
    });
    const classifier = await current.fromPretrained(model.source, {
      backend: settings.backend,
      reduction,
      trace: true,
      progress_callback(info) {
        if (info.status === "notice" && info.backend !== undefined) onChosen(info.message);
        else showShare(info);
      },
    });
    // If the worker was ended while it loaded, its last answer may still arrive. Ignore that.
    if (worker === current) held[place] = { key, classifier };
    return classifier;
  }

  async function compute(request: ViewRequest): Promise<void> {
    const { settings, picture } = request;
    progress.hidden = false;
    progress.removeAttribute("value");
    say("Starting");
    const unreduced = await classifierFor("unreduced", "unreduced", request);
    const reduced =
      settings.policy === "unreduced" ? undefined : await classifierFor("reduced", settings.policy, request);
    onLoaded(reduced);
    say(`Classifying ${picture.name}`);
    progress.removeAttribute("value");
    const whole = await unreduced.classify(picture.blob);
    const part = reduced && (await reduced.classify(picture.blob));
    if (wanted !== request) return;
    showResult(request, unreduced, whole, reduced, part);
    const top = (result: Classification) => {
      const [best] = result.labels;
      return `${best!.label}, ${showAnswer(best!)}`;
    };
    say(
      part
        ? `${picture.name}: ${top(whole)} unreduced, ${top(part)} with ${policyTitles[settings.policy]}`
        : `${picture.name}: ${top(whole)}`,
    );
  }

  async function work(): Promise<void> {
    if (busy) return;
    busy = true;
    for (let request = wanted; request; request = wanted === request ? undefined : wanted) {
      try {
        await compute(request);
      } catch (error) {
        // A request that a newer one replaced also fails when its worker ends. That failure is ignored.
        if (wanted === request) {
          say("Nothing to show.");
          byId("view-result", "div").hidden = true;
          complain(messageFor(error, request));
          if (codeOf(error) === "INVALID_IMAGE") onRefused(request.picture);
          else end();
        }
      }
    }
    progress.hidden = true;
    busy = false;
  }

  return {
    show(request) {
      const key = JSON.stringify([request.model.title, request.settings.backend]);
      const sameModel = wanted?.model === request.model;
      wanted = request;
      // With another model or backend, the result of the current computation is no longer needed.
      if (key !== workerKey || !sameModel) {
        end();
        onChosen("");
      }
      workerKey = key;
      void work();
    },
    pause() {
      wanted = undefined;
      end();
    },
  };
}

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error ? String(error.code) : undefined;

function messageFor(error: unknown, { picture, model, settings }: ViewRequest): string {
  const reason = reasonOf(error);
  if (codeOf(error) === "INVALID_IMAGE") return reason.includes(picture.name) ? reason : `${picture.name}: ${reason}`;
  return `${model.title} on ${settings.backend}: ${reason}`;
}

function showResult(
  { settings }: ViewRequest,
  unreduced: ImageClassifier,
  whole: Classification,
  reduced: ImageClassifier | undefined,
  part: Classification | undefined,
): void {
  byId("view-result", "div").hidden = false;
  const { width, height, data } = whole.image!;
  const pixels = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    pixels.data.set(data.subarray(3 * i, 3 * i + 3), 4 * i);
    pixels.data[4 * i + 3] = 255;
  }
  const picture = new OffscreenCanvas(width, height);
  picture.getContext("2d")!.putImageData(pixels, 0, 0);

  const [rows, columns] = unreduced.patches;
  const figure = (label: string, caption: HTMLElement, stage?: ImageStage) => {
    // Each patch covers a whole number of pixels, so that outlines are sharp.
    const scale = Math.max(1, Math.ceil(448 / width));
    const canvas = element("canvas", {
      width: width * scale,
      height: height * scale,
      role: "img",
      "aria-label": label,
    });
    drawTokens(canvas, picture, { rows, columns }, stage?.tokenOfPatch);
    return element("figure", {}, canvas, caption);
  };
  const first = element(
    "figcaption",
    {},
    element("strong", {}, "Picture"),
    element("span", {}, `${rows * columns} patches`),
  );
  byId("stages", "div").replaceChildren(
    figure("The picture as the model sees it", first),
    ...(part?.stages ?? []).map((stage) => figure(...stageCaption(stage), stage)),
  );
  byId("labels", "div").replaceChildren(
    labelCard("unreduced", unreduced, whole),
    ...(reduced && part ? [labelCard(settings.policy, reduced, part)] : []),
  );
}

function stageCaption(stage: ImageStage): [label: string, caption: HTMLElement] {
  const { layer, policy, tokensIn, tokensOut, variance, tokenOfPatch } = stage;
  const pruned = tokenOfPatch!.filter((token) => token < 0).length;
  const done = policy === "prune" ? "pruned" : "pooled";
  const label = `After block ${layer}, ${done}: ${tokensIn} to ${tokensOut} tokens, ${pruned} patches dark`;
  const caption = element(
    "figcaption",
    {},
    element("strong", {}, `Block ${layer}`, " ", element("span", { class: `badge policy-${policy}` }, done)),
    element("span", {}, `${tokensIn} → ${tokensOut} tokens`),
    element("span", { class: "fine" }, `variance ${threeDigits(variance)}`),
  );
  return [label, caption];
}

function labelCard(policy: PolicyChoice, classifier: ImageClassifier, result: Classification): HTMLElement {
  const { gmacs, tokens } = classifier;
  const rows = result.labels.map((answer) => {
    const row = element(
      "li",
      {},
      element("span", { class: "label" }, answer.label),
      element("span", { class: "percent" }, showAnswer(answer)),
    );
    // The page's security policy forbids style attributes, so the property is set in code.
    row.style.setProperty("--share", String(answer.probability ?? 0));
    return row;
  });
  const cost = giga(policy === "unreduced" ? gmacs.unreduced : gmacs.reduced);
  return element(
    "article",
    { class: `labels policy-${policy}` },
    element("h3", {}, policyTitles[policy]),
    element("p", { class: "fine" }, `${tokens.join(" → ")} tokens · ${cost} GMACs`),
    element("ol", {}, ...rows),
  );
}
