/** The page's worker: it keeps one checkpoint, answers for the chosen picture, and then measures how fast both models are. */
import { reasonOf } from "@ppt-vit/core";
import {
  type CheckpointFacts,
  type CheckpointSource,
  type ClassifierWorker,
  median,
  type PictureRun,
} from "@ppt-vit/pipeline/browser";
import type { AnswerKind, Comparison, LoadedModel, Side } from "./answers/answer.js";
import { answersOf } from "./answers/index.js";
import { loadingShare, type ModelChoice, startWorker } from "./models.js";
import { type Estimate, leastPairs, pairedEstimate } from "./paired.js";
import type { Picture, Seen } from "./picture.js";
import { type PolicyChoice, policyTitles, reductionOf, type Settings, titleOfReduced } from "./settings.js";

/** A request whose picture may also be a frame of the camera. */
type AnyRequest = Omit<Request, "picture"> & { readonly picture: Seen };

export interface Request {
  readonly model: ModelChoice;
  readonly picture: Picture;
  /** The pictures that the user could choose. */
  readonly others: readonly Picture[];
  readonly settings: Settings;
  /** Policies to compare on the picture after the answer, in the place of measuring the one of the settings. */
  readonly policies?: readonly PolicyChoice[];
}

/** What both models gave for a picture. */
export interface Outcome {
  readonly request: Request;
  readonly facts: CheckpointFacts;
  readonly answer: AnswerKind;
  readonly unreduced: Side;
  readonly reduced?: Side;
}

/** What a policy gave for the picture of a request, beside the unreduced model. */
export interface Alternative {
  readonly policy: PolicyChoice;
  readonly side: Side;
  readonly comparison: Comparison;
  /** Of the unreduced model and of this one, which took turns. */
  readonly medianMs: readonly [unreduced: number, reduced: number];
  readonly speed: Estimate | undefined;
}

/** A policy that the model refuses. */
export interface RefusedAlternative {
  readonly policy: PolicyChoice;
  readonly reason: string;
}

export interface SessionOptions {
  /** What the session does at the moment; `share` is that of a download. */
  readonly onStatus: (text: string, share?: number) => void;
  /** What the worker says about the backend that it chose. */
  readonly onChosen: (message: string) => void;
  readonly onOutcome: (outcome: Outcome) => void;
  /** Called as pairs of runs are measured for an outcome, at first with undefined. */
  readonly onSpeed: (speed: Estimate | undefined) => void;
  /** Called for each of the request's policies, as soon as it is known. */
  readonly onAlternative: (alternative: Alternative | RefusedAlternative) => void;
  readonly onFailure: (error: unknown, request: Request) => void;
  /** Called when there is nothing more to do. */
  readonly onRest: () => void;
}

export interface Session {
  /** Answers a request when the worker is free. A newer request replaces an older one. */
  show(request: Request): void;
  /** Leaves the machine alone. The worker and its checkpoint stay. */
  pause(): Promise<void>;
  /** What both models give for a request, for use while the session pauses. */
  pair(request: AnyRequest): Promise<Pick<Outcome, "unreduced" | "reduced" | "answer">>;
  /** The answer that a model gives with these settings. */
  answerFor(model: ModelChoice, settings: Settings): Promise<AnswerKind>;
  /** Loads a model on the session's worker, which has read and parsed the checkpoint. The caller disposes it. */
  load(model: ModelChoice, answer: AnswerKind, backend: string, settings: Settings): Promise<LoadedModel>;
  /** The files of the model, from the worker's memory, for workers that measure. */
  files(model: ModelChoice): Promise<CheckpointSource>;
}

/** A loaded model, by what it was loaded with. */
interface Held {
  readonly key: string;
  readonly model: LoadedModel;
}

/** Pairs of runs that are measured, while they take no longer than the time. */
const [mostPairs, mostMs] = [15, 2500];

export function createSession(options: SessionOptions): Session {
  const { onStatus, onChosen, onOutcome, onSpeed, onAlternative, onFailure, onRest } = options;
  let worker: ClassifierWorker | undefined;
  let model: ModelChoice | undefined;
  let files: Promise<CheckpointSource> | undefined;
  const held: Partial<Record<"unreduced" | "reduced", Held>> = {};
  let wanted: Request | undefined;
  let working: Promise<void> | undefined;

  /** Ends the worker, and with it whatever it computes. */
  function end(): void {
    void worker?.dispose();
    worker = undefined;
    delete held.unreduced;
    delete held.reduced;
  }

  /** The worker for a model. Only another model ends it, so that one checkpoint is in memory. */
  function workerFor(next: ModelChoice): ClassifierWorker {
    if (model !== next) {
      end();
      files = undefined;
    }
    model = next;
    worker ??= startWorker();
    return worker;
  }

  const reporting = (what: string) => {
    const showShare = loadingShare((share) => {
      onStatus(share < 1 ? "Loading the model" : `Preparing ${what}`, share < 1 ? share : undefined);
    });
    return showShare;
  };

  async function factsOf(model: ModelChoice): Promise<CheckpointFacts> {
    return workerFor(model).inspect(model.source, { progress_callback: reporting("the model") });
  }

  /** The model for one side. One with other settings in its place is disposed first. */
  async function modelFor(
    place: "unreduced" | "reduced",
    answer: AnswerKind,
    request: AnyRequest,
  ): Promise<LoadedModel> {
    const { settings } = request;
    const reduction = place === "unreduced" ? (false as const) : reductionOf(settings.policy, settings);
    const key = JSON.stringify([settings.backend, answer.task, reduction]);
    const current = workerFor(request.model);
    const known = held[place];
    if (known?.key === key) return known.model;
    delete held[place];
    await known?.model.dispose();
    const showShare = reporting(place === "unreduced" ? policyTitles.unreduced : titleOfReduced(settings));
    const loaded: LoadedModel = await current.fromPretrained(request.model.source, {
      task: answer.task as "image-classification",
      backend: settings.backend,
      reduction,
      trace: true,
      progress_callback(info) {
        if (info.status === "notice" && info.backend !== undefined) onChosen(info.message);
        else showShare(info);
      },
    });
    // If the worker was ended while it loaded, its last answer may still arrive. Ignore that.
    if (worker === current) held[place] = { key, model: loaded };
    return loaded;
  }

  function answerOf(facts: CheckpointFacts, settings: Settings): AnswerKind {
    const kinds = answersOf(facts.tasks);
    const answer = kinds.find(({ task }) => task === settings.task) ?? kinds[0];
    if (!answer) throw new Error(`${facts.model}: the page shows no answers of ${facts.tasks.join(", ")}`);
    return answer;
  }

  async function pair<Asked extends AnyRequest>(request: Asked) {
    const facts = await factsOf(request.model);
    const answer = answerOf(facts, request.settings);
    const { settings, picture, others } = request;
    const unreducedModel = await modelFor("unreduced", answer, request);
    const isReduced = settings.policy !== "unreduced" || settings.preset !== undefined;
    const reducedModel = isReduced ? await modelFor("reduced", answer, request) : undefined;
    onStatus(`Looking at ${picture.name}`);
    const sideOf = async (model: LoadedModel, whole: boolean): Promise<Side> => ({
      policy: whole ? "unreduced" : settings.preset === undefined ? settings.policy : "ppt",
      title: whole ? policyTitles.unreduced : titleOfReduced(settings),
      model,
      result: await answer.run(model, picture, others),
    });
    const unreduced = await sideOf(unreducedModel, true);
    const reduced = reducedModel && (await sideOf(reducedModel, false));
    return { request, facts, answer, unreduced, ...(reduced && { reduced }) };
  }

  /** Runs both models in turns, in changing order. Decoding is not in the times. */
  async function takeTurns(
    { request, answer, unreduced }: Outcome,
    reduced: Side,
    goesOn: (turn: number) => boolean,
    onTurn: (firstMs: readonly number[], secondMs: readonly number[]) => void,
  ): Promise<void> {
    const { picture, others } = request;
    const latencyOf = async ({ model }: Side) =>
      ((await answer.run(model, picture, others)) satisfies PictureRun).latencyMs;
    const [first, second]: [number[], number[]] = [[], []];
    // The first turn warms up.
    for (let turn = 0; wanted === request && goesOn(turn); turn++) {
      const swapped = turn % 2 === 1;
      const [one, other] = swapped ? [reduced, unreduced] : [unreduced, reduced];
      const [oneMs, otherMs] = [await latencyOf(one), await latencyOf(other)];
      if (wanted !== request) return;
      if (turn === 0) continue;
      first.push(swapped ? otherMs : oneMs);
      second.push(swapped ? oneMs : otherMs);
      onTurn(first, second);
    }
  }

  async function measure(outcome: Outcome): Promise<void> {
    const start = performance.now();
    const goesOn = (turn: number) => turn <= mostPairs && (turn <= leastPairs || performance.now() - start <= mostMs);
    if (outcome.reduced)
      await takeTurns(outcome, outcome.reduced, goesOn, (first, second) => onSpeed(pairedEstimate(first, second)));
  }

  /** Each policy on the picture of an outcome, one after another, so that two models at most are in memory. */
  async function compare(outcome: Outcome): Promise<void> {
    const { request, answer, unreduced } = outcome;
    for (const policy of request.policies ?? []) {
      if (wanted !== request) return;
      const settings = { ...request.settings, policy };
      const title = policyTitles[policy];
      try {
        const model = await modelFor("reduced", answer, { ...request, settings });
        onStatus(`Comparing: ${title}`);
        const result = await answer.run(model, request.picture, request.others);
        const side = { policy, title, model, result };
        let times: readonly (readonly number[])[] = [[], []];
        await takeTurns(
          outcome,
          side,
          (turn) => turn <= leastPairs,
          (first, second) => {
            times = [first, second];
          },
        );
        if (wanted !== request) return;
        const [whole, reduced] = times as [readonly number[], readonly number[]];
        onAlternative({
          policy,
          side,
          comparison: answer.compare(unreduced.result, result),
          medianMs: [median(whole), median(reduced)],
          speed: pairedEstimate(whole, reduced),
        });
      } catch (error) {
        if (wanted !== request) return;
        if (isFatal(error)) throw error;
        onAlternative({ policy, reason: reasonOf(error) });
      }
    }
    if (request.policies) onStatus(`${request.policies.length} policies are compared on ${request.picture.name}`);
  }

  async function work(): Promise<void> {
    for (let request = wanted; request; request = wanted === request ? undefined : wanted) {
      try {
        const outcome = await pair(request);
        if (wanted !== request) continue;
        onOutcome(outcome);
        onSpeed(undefined);
        await (request.policies ? compare(outcome) : measure(outcome));
      } catch (error) {
        // A request that a newer one replaced also fails when its worker ends. That failure is ignored.
        if (wanted !== request) continue;
        if (isFatal(error)) end();
        onFailure(error, request);
      }
    }
    working = undefined;
    onRest();
  }

  return {
    show(request) {
      // Nobody needs what is computed of another model or on another backend. A worker that is idle is kept.
      if (working && wanted && wanted.model !== request.model) end();
      wanted = request;
      working ??= work();
    },
    async pause() {
      wanted = undefined;
      await working;
    },
    pair,
    answerFor: async (choice, settings) => answerOf(await factsOf(choice), settings),
    load: (choice, answer, backend, settings) =>
      workerFor(choice).fromPretrained(choice.source, {
        task: answer.task as "image-classification",
        backend,
        reduction: reductionOf(settings.policy, settings),
      }),
    files(choice) {
      files ??= workerFor(choice).files(choice.source);
      files.catch(() => {
        files = undefined;
      });
      return files;
    },
  };
}

export const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error ? String(error.code) : undefined;

/** Errors after which the worker's state is not known. */
const isFatal = (error: unknown): boolean => ["BACKEND_UNAVAILABLE", "DISPOSED", undefined].includes(codeOf(error));

export function messageFor(error: unknown, { picture, model, settings }: Request): string {
  const reason = reasonOf(error);
  if (codeOf(error) === "INVALID_IMAGE") return reason.includes(picture.name) ? reason : `${picture.name}: ${reason}`;
  return `${model.title} on ${settings.backend}: ${reason}`;
}
