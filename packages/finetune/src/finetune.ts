/** `finetune`: trains a model with its reduction in the loop. */
import { rmSync } from "node:fs";
import { dirname } from "node:path";
import { modelFingerprint, PptError, type ReductionConfig } from "@ppt-vit/core";
import { answerKindOf } from "@ppt-vit/pipeline";
import { augmentations } from "./augmentations/index.js";
import { type Batch, type Place, readBatches } from "./data/batches.js";
import { mixBatch } from "./data/mixing.js";
import { openReader } from "./data/reader.js";
import { targetsOf } from "./data/targets.js";
import { named } from "./named.js";
import { optimizers } from "./optimizers/index.js";
import { type CompleteSettings, type FinetuneOptions, type ParsedOptions, parseOptions } from "./options.js";
import { randomNumbers, seedOf } from "./random.js";
import { answersTo } from "./run/answers.js";
import { evaluationOf } from "./run/evaluate.js";
import { openRunFolder, writeModel } from "./run/folder.js";
import { identityOf } from "./run/identity.js";
import { keptReader } from "./run/kept.js";
import { explained } from "./run/memory.js";
import { openModels, type RunModels } from "./run/models.js";
import { trainingOrder } from "./run/order.js";
import { type Evaluation, isBetter, type StepRecord } from "./run/progress.js";
import { learningRateAt } from "./run/schedule.js";
import { loadState, type RunState, saveState } from "./run/state.js";
import { knownAnswers } from "./run/teacher.js";
import { copyOf, lengthOf, startWeights, updateWeights } from "./run/weights.js";

/** What a run gives. The same is in `finetune.json`. */
export interface FinetuneResult {
  /** The checkpoint that was trained. */
  readonly model: { readonly name: string; readonly fingerprint: string };
  /** Fingerprint of the weights that were written. */
  readonly fingerprint: string;
  readonly engine: string;
  readonly settings: CompleteSettings;
  readonly reduction: ReductionConfig | undefined;
  readonly pictures: number;
  /** How many values are trained, and how many the model has. */
  readonly values: { readonly trained: number; readonly all: number };
  readonly steps: readonly StepRecord[];
  readonly evaluations: readonly Evaluation[];
  /** The evaluation of the weights that were written. Undefined without pictures to evaluate on. */
  readonly chosen: Evaluation | undefined;
  /** Whether the run ended before its last step because evaluations did not improve. */
  readonly stoppedEarly: boolean;
  /** Of all processes that worked on the run, up to what each saved last. */
  readonly seconds: number;
  readonly peakBytes: number;
}

/**
 * Trains a model with its reduction in the loop, and writes a folder that every command takes. What depends on chance depends on the
 * seed: on one device, a run that was interrupted and resumed gives the same bits as one that was not.
 * @throws PptError INVALID_OPTION, INVALID_INPUT, INVALID_REDUCTION, BACKEND_UNAVAILABLE, OUT_OF_MEMORY, WRITE_FAILED; NOT_FINITE if
 * the loss or the weights are no numbers any more, after the last good weights were written; the reason of `signal`
 */
export async function finetune(options: FinetuneOptions): Promise<FinetuneResult> {
  const parsed = parseOptions(options);
  const { given, settings } = parsed;
  const models = await explaining(settings, () => openModels(parsed));
  const { checkpoint, decoding = {} } = given;
  const { config, preprocessing } = checkpoint;
  const reader = openReader({ preprocessing, imageSize: config.imageSize, decoding }, given.threads ?? 2);
  try {
    return await explaining(settings, () => run(parsed, models, reader));
  } finally {
    await reader.close();
    models.dispose();
  }
}

async function explaining<R>(settings: CompleteSettings, work: () => Promise<R>): Promise<R> {
  try {
    return await work();
  } catch (error) {
    throw explained(error, settings.batch, settings.accumulate, settings.recompute);
  }
}

async function run(parsed: ParsedOptions, models: RunModels, reader: ReturnType<typeof openReader>) {
  const { given, settings, loss, classes } = parsed;
  const { checkpoint, pictures, evaluation = [], signal, onProgress } = given;
  const { engine, student, teacher, params, trained } = models;
  const { tf } = engine;
  let counted = performance.now();
  const optimizer = named(optimizers, settings.optimizer, "optimizer");
  const augmentation = named(augmentations, settings.augmentation, "augmentation");
  const order = trainingOrder(pictures, augmentation, settings);
  const fingerprint = modelFingerprint(checkpoint.config, checkpoint.weights);
  const identity = identityOf(parsed, models, fingerprint);
  const folder = openRunFolder(given.out, { resume: given.resume ?? false, force: given.force ?? false });

  const state: RunState = {
    step: 0,
    seconds: 0,
    steps: [],
    evaluations: [],
    best: undefined,
    weights: startWeights(params, trained, optimizer, settings.ema),
  };
  const { weights } = state;
  if (given.resume) {
    loadState(folder.state, identity, state);
    onProgress?.({ kind: "resumed", step: state.step });
  } else saveState(folder.state, identity, state);

  const unreadable = new Set<string>();
  const onFailure = ({ file, index }: Place, error: PptError) => {
    if (unreadable.has(file)) return;
    unreadable.add(file);
    given.onFailure?.(pictures[index]?.file === file ? pictures[index]! : { file }, error);
  };
  const reading = { reader, batch: settings.batch, onFailure, signal };
  const evaluated = evaluation.map(({ file }, index): Place => ({ index, file, augmentation: "none", version: 0 }));
  const answers = await knownAnswers({
    ...parsed,
    teacher,
    order,
    evaluated,
    reading,
    path: folder.teacher,
    identity,
  });

  const studied = models.before
    ? await keptReader(models.before, answers.places, reading, (done) =>
        onProgress?.({ kind: "kept", done, total: answers.places.length }),
      )
    : reader;

  async function evaluate(): Promise<void> {
    if (evaluated.length === 0) return;
    student.put(weights.average);
    const given = await answersTo(student, evaluated, { ...reading, reader: studied });
    if (weights.average !== weights.values) student.put(weights.values);
    const compared = evaluated.flatMap((place, i) => {
      const [own, wanted] = [given.get(place), answers.evaluated.get(i)];
      return own && wanted ? [{ given: own, teacher: wanted, label: evaluation[i]!.label }] : [];
    });
    if (compared.length === 0)
      throw new PptError("INVALID_INPUT", "finetune: none of the pictures to evaluate on could be read");
    const result = evaluationOf(state.step, compared, answerKindOf(checkpoint.name, checkpoint.config));
    state.evaluations.push(result);
    // Comparisons with NaN are false, so a model without numbers is never the best.
    const best = Number.isFinite(result.distance) && (!state.best || isBetter(result, state.best.evaluation));
    if (best) state.best = { evaluation: result, values: copyOf(weights.average) };
    onProgress?.({ kind: "evaluation", best, ...result });
  }

  /** The loss of one batch and its gradients. */
  async function gradientsOf({ places, pixels }: Batch, step: number, part: number) {
    const batch = places.length;
    const targets = loss.needsLabels
      ? targetsOf(
          places.map(({ index }) => pictures[index]!.label!),
          classes,
          settings.labelSmoothing,
        )
      : undefined;
    const random = randomNumbers(seedOf(settings.seed, "mixing", step, part));
    mixBatch({ pixels, targets }, batch, checkpoint.config.imageSize, settings, random);
    const taught = loss.needsTeacher ? await answers.of({ places, pixels }) : undefined;
    const width = (taught?.length ?? 0) / batch;
    return student.gradients({
      pixels,
      batch,
      lossOf: (given) =>
        loss.of(
          {
            tf,
            answers: given,
            teacher: taught && tf.tensor(taught, [batch, width]),
            targets: targets && tf.tensor(targets, [batch, classes]),
          },
          settings,
        ),
    });
  }

  function secondsUpToNow(): number {
    const now = performance.now();
    state.seconds += (now - counted) / 1000;
    counted = now;
    return state.seconds;
  }

  const result = (stoppedEarly: boolean, written: string): FinetuneResult => ({
    model: { name: checkpoint.name, fingerprint },
    fingerprint: written,
    engine: engine.name,
    settings,
    reduction: given.reduction,
    pictures: pictures.length,
    values: {
      trained: sizes(weights.values),
      all: sizes(new Map(Object.entries(params).map(([k, v]) => [k, v.data]))),
    },
    steps: state.steps,
    evaluations: state.evaluations,
    chosen: state.best?.evaluation,
    stoppedEarly,
    seconds: secondsUpToNow(),
    peakBytes: process.resourceUsage().maxRSS * 1024,
  });
  /** Writes the model with these weights. */
  const finish = (values: ReadonlyMap<string, Float32Array>, stoppedEarly: boolean): FinetuneResult => {
    let done: FinetuneResult;
    writeModel(given.out, {
      checkpoint,
      folder: given.folder,
      reduction: given.reduction,
      values: new Map([...values].map(([name, data]) => [name, { shape: params[name]!.shape, data }])),
      record: (fingerprint) => (done = result(stoppedEarly, fingerprint)),
    });
    return done!;
  };
  let good = copyOf(weights.average);
  const stop = (what: string): never => {
    finish(state.best?.values ?? good, false);
    throw new PptError(
      "NOT_FINITE",
      `finetune: ${what} in step ${state.step + 1} of ${order.steps}: the last good weights are in ${given.out}. Begin anew with a lower learning rate (now ${settings.learningRate}) or a shorter clip (now ${settings.clip})`,
    );
  };
  const save = () => {
    secondsUpToNow();
    saveState(folder.state, identity, state);
    onProgress?.({ kind: "saved", step: state.step });
  };
  const isOver = () => {
    if (settings.patience === 0 || !state.best) return false;
    const since = state.evaluations.filter(({ step }) => step > state.best!.evaluation.step).length;
    return since >= settings.patience;
  };

  student.put(weights.values);
  if (state.evaluations.length === 0) {
    await evaluate();
    save();
  }
  const first = state.step;
  const started = performance.now();
  let saved = started;
  const lists = function* () {
    for (let step = first; step < order.steps; step++) yield* order.batchesOf(step);
  };
  const batches = readBatches(studied, lists(), onFailure);
  let stoppedEarly = isOver();
  try {
    while (state.step < order.steps && !stoppedEarly) {
      const step = state.step;
      const sum = new Map<string, Float32Array>();
      let [total, seen] = [0, 0];
      for (const [part] of order.batchesOf(step).entries()) {
        const { value: batch } = (await batches.next()) as { value: Batch };
        const count = batch.places.length;
        if (count === 0) continue;
        const { loss: each, gradients } = await gradientsOf(batch, step, part);
        addTo(sum, gradients, count);
        total += each * count;
        seen += count;
      }
      if (unreadable.size >= pictures.length)
        throw new PptError("INVALID_INPUT", "finetune: none of the pictures to train on could be read");
      const learningRate = learningRateAt(step, { ...settings, steps: order.steps });
      if (seen > 0) {
        for (const gradient of sum.values()) for (let i = 0; i < gradient.length; i++) gradient[i]! /= seen;
        const gradientLength = lengthOf(sum);
        const mean = total / seen;
        if (!Number.isFinite(mean)) stop(`the loss is ${mean}`);
        if (!Number.isFinite(gradientLength)) stop("the gradient is not finite");
        const finite = updateWeights(weights, sum, gradientLength, {
          ...settings,
          optimizer,
          learningRate,
          step: step + 1,
        });
        if (!finite) stop("weights are not finite");
        student.put(weights.values);
        state.steps.push({ step: step + 1, loss: mean, learningRate, gradientLength });
      }
      state.step = step + 1;
      const epoch = Math.floor(step / order.stepsInEpoch) + 1;
      const secondsLeft = ((performance.now() - started) / 1000 / (state.step - first)) * (order.steps - state.step);
      const last = state.steps.at(-1);
      if (last && last.step === state.step)
        onProgress?.({ kind: "step", ...last, steps: order.steps, epoch, epochs: settings.epochs, secondsLeft });
      const ended = state.step % order.stepsInEpoch === 0;
      if (ended) {
        await evaluate();
        good = copyOf(weights.average);
        stoppedEarly = isOver();
      }
      if (signal?.aborted || ended || performance.now() - saved > 1000 * (given.saveEvery ?? 60)) {
        save();
        saved = performance.now();
      }
      signal?.throwIfAborted();
    }
  } catch (error) {
    if (signal?.aborted && error === signal.reason) save();
    throw error;
  } finally {
    await batches.return(undefined);
  }
  const done = finish(state.best?.values ?? weights.average, stoppedEarly);
  rmSync(dirname(folder.state), { recursive: true, force: true });
  return done;
}

const sizes = (values: ReadonlyMap<string, Float32Array>): number =>
  [...values.values()].reduce((sum, { length }) => sum + length, 0);

/** sum += count gradient */
function addTo(sum: Map<string, Float32Array>, gradients: ReadonlyMap<string, Float32Array>, count: number): void {
  for (const [name, gradient] of gradients) {
    const total = sum.get(name) ?? new Float32Array(gradient.length);
    for (let i = 0; i < gradient.length; i++) total[i]! += count * gradient[i]!;
    sum.set(name, total);
  }
}
