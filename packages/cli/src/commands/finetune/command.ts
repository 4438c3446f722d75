/** `ppt-vit finetune` and its options. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { addModelOptions, modelOption } from "../../flags/model-options.js";
import { count, positive, share } from "../../flags/numbers.js";
import { addReductionOptions, refuseContradiction } from "../../flags/reduction-options.js";
import { type FinetuneFlags, finetuneCommand } from "./finetune.js";

/** Those of `@ppt-vit/finetune`, listed here so that the package is only loaded where it is used. */
const names = {
  loss: ["distillation", "cross-entropy", "mixed", "cosine"],
  train: ["norms", "reduced", "last-blocks", "all"],
  optimizer: ["adamw", "sgd"],
  augmentation: ["none", "flip", "corners", "crop"],
  device: ["auto", "wasm", "cpu", "node", "node-gpu", "webgpu"],
} as const;

/** Parses a number from 0 to `most`. */
const upTo =
  (most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() === "" || !(value >= 0 && value <= most))
      throw new InvalidArgumentError(`expected a number of at least 0${most < Infinity ? `, at most ${most}` : ""}.`);
    return value;
  };
const notNegative = (text: string): number => {
  const value = upTo(Infinity)(text);
  if (!Number.isFinite(value)) throw new InvalidArgumentError("expected a number of at least 0.");
  return value;
};

export function addFinetuneCommand(program: Command): void {
  const command = program
    .command("finetune")
    .description("train a model with its token reduction in the loop; without labels the unreduced model teaches it")
    .requiredOption(...modelOption)
    .requiredOption("--images <folder|file>", "pictures to train on: a folder, or a list (csv, tsv, json)")
    .requiredOption("-o, --out <dir>", "the folder for the trained model; it must be empty or not exist")
    .option("--labels", "the pictures have labels: a subfolder for each class, or a list with labels", false)
    .option("--classes <file>", "a file that explains the labels, such as LOC_synset_mapping.txt")
    .option(
      "--evaluation <folder|file>",
      "pictures to tell the best weights by (default: some of --images are held back)",
    )
    .option("--hold-back <share>", "share of the pictures that is held back for that: 10%, or 0", share, 0.1)
    .option("--limit <n>", "how many pictures to take, spread evenly over those given", count(1));
  addReductionOptions(addModelOptions(command))
    .addOption(
      new Option(
        "--loss <name>",
        "what the answers are compared with (default: distillation, or cosine without classes; mixed with --labels)",
      ).choices(names.loss),
    )
    .addOption(new Option("--train <name>", "what is trained (default: norms)").choices(names.train))
    .option("--blocks <n>", "how many blocks last-blocks trains (default: 2)", count(1))
    .option("--epochs <n>", "how often every picture is seen (default: 10)", count(1))
    .option("--batch <b>", "pictures in memory at once (default: 16)", count(1))
    .option("--accumulate <n>", "batches whose gradients make one step (default: 1)", count(1))
    .option(
      "--learning-rate <x>",
      "default: by --train, 1e-3 for norms, 1e-4 for reduced and last-blocks, 5e-5 for all",
      positive,
    )
    .option("--weight-decay <x>", "not applied to norms and biases (default: 0.05)", notNegative)
    .option("--warm-up <share>", "share of the steps in which the learning rate rises (default: 5%)", share)
    .option("--clip <x>", "longest gradient, 0 for any (default: 1)", notNegative)
    .option("--ema <x>", "keep an exponential average of the weights, such as 0.99 (default: 0, none)", upTo(0.999999))
    .option("--temperature <t>", "softens the answers of a distillation (default: 2)", positive)
    .option("--label-share <share>", "share of the labels in a mixed loss (default: 0.5)", upTo(1))
    .option("--label-smoothing <x>", "share of a label that is spread over all classes (default: 0.1)", upTo(0.99))
    .addOption(new Option("--optimizer <name>", "default: adamw").choices(names.optimizer))
    .addOption(
      new Option(
        "--augmentation <name>",
        "how pictures vary: crop is DeiT's recipe (default: flip, with --labels crop)",
      ).choices(names.augmentation),
    )
    .option("--mixup <a>", "blend pairs of pictures, 0.8 in DeiT's recipe (default: 0, off)", notNegative)
    .option("--cutmix <a>", "paste parts of pictures, 1 in DeiT's recipe (default: 0, off)", notNegative)
    .option("--patience <n>", "stop after so many evaluations without a better one (default: 0, never)", count(0))
    .option("--recompute", "save memory: compute a block's activations again for its gradient", false)
    .option("--seed <n>", "of everything random (default: 0)", count(0))
    .addOption(
      new Option("--device <name>", "where TensorFlow.js runs; auto takes tfjs-node where it is installed, else wasm")
        .choices(names.device)
        .default("auto"),
    )
    .option("--threads <n>", "threads that read pictures", count(0, 64), 2)
    .option("--save-every <seconds>", "seconds between two saves of the state (default: 60)", positive)
    .option("--first-frame", "take the first frame of animations instead of refusing them", false)
    .option("--max-pixels <n>", "largest picture to decode, in pixels", count(1))
    .option("--resume", "go on with a run that was interrupted, with the same options", false)
    .option("--force", "replace what an earlier run left in the folder", false)
    .option("--report <file>", "write an HTML page with the curves")
    .option("--json", "print one JSON document on stdout", false)
    .action(async (flags: FinetuneFlags, command: Command) => {
      refuseContradiction(flags, command);
      process.exitCode = await finetuneCommand(flags);
    });
}
