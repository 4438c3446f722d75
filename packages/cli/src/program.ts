/** The commands and their options. */
import { createRequire } from "node:module";
import { PptError } from "@ppt-vit/core";
import { backendNames } from "@ppt-vit/pipeline";
import { Command, InvalidArgumentError } from "commander";
import { type ClassifyFlags, classifyCommand } from "./classify.js";
import { demoCommand } from "./demo.js";

const { version } = createRequire(import.meta.url)("../package.json") as { version: string };

function count(least: number) {
  return (text: string): number => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isInteger(value) || value < least)
      throw new InvalidArgumentError(`expected a whole number of at least ${least}.`);
    return value;
  };
}

const counts = (text: string): number[] => text.split(",").map(count(0));

/** `50`, or one number per layer: `40,50,50`. */
const oneOrMore = (text: string): number | number[] => (text.includes(",") ? counts(text) : count(0)(text));

/** `7e-5`, `prune`, `pool`, or `scale-free:2.69`. */
function threshold(text: string): ClassifyFlags["threshold"] {
  if (text === "prune" || text === "pool") return text;
  const scaleFree = text.startsWith("scale-free:");
  const digits = scaleFree ? text.slice("scale-free:".length) : text;
  const value = Number(digits);
  if (digits.trim() === "" || Number.isNaN(value) || value < 0)
    throw new InvalidArgumentError("expected a number of at least 0, scale-free:NUMBER, prune or pool.");
  return scaleFree ? { scaleFree: value } : value;
}

export function createProgram(): Command {
  const program = new Command("ppt-vit")
    .description("Faster Vision Transformers without retraining: token pruning and pooling (PPT, arXiv 2310.01812).")
    .version(version)
    .exitOverride()
    .showHelpAfterError("(ppt-vit --help lists the commands, ppt-vit COMMAND --help their options)");

  program
    .command("classify")
    .description("name what is in pictures (JPEG, PNG, WebP, GIF, AVIF)")
    .argument("<image|folder...>", "picture files, and folders that are searched for pictures")
    .option(
      "-m, --model <dir|demo>",
      "a folder with config.json, preprocessor_config.json and model.safetensors",
      "demo",
    )
    .option("-b, --backend <name>", `where to compute: ${backendNames.join(", ")}`, "cpu")
    .option("--no-ppt", "run the unreduced model")
    .option("--layers <list>", "blocks that reduce, counted from 0, as in 3,6,9", counts)
    .option("--tokens-removed <n>", "tokens to remove in each, one number or one per layer", oneOrMore)
    .option(
      "--threshold <t>",
      "score variance from which an image is pruned: 7e-5, scale-free:2.69, prune or pool",
      threshold,
    )
    .option("--no-proportional-attention", "do not weight merged tokens by their size")
    .option("-k, --top <k>", "labels per picture", count(1), 5)
    .option("--batch <b>", "pictures per run of the model", count(1), 1)
    .option("--first-frame", "take the first frame of animations instead of refusing them", false)
    .option("--max-pixels <n>", "largest picture that is decoded", count(1))
    .option("--json", "print one JSON document on stdout", false)
    .action(async (inputs: string[], flags: ClassifyFlags, command: Command) => {
      if (!flags.ppt) refuseReductionFlags(command);
      process.exitCode = await classifyCommand(inputs, flags);
    });

  program
    .command("demo")
    .description("classify the bundled sample pictures with the demo model, unreduced and with PPT side by side")
    .option("-b, --backend <name>", `where to compute: ${backendNames.join(", ")}`, "cpu")
    .action(async ({ backend }: { backend: string }) => demoCommand(backend));

  return program;
}

/** --no-ppt together with reduction settings is a mistake, not a preference. */
function refuseReductionFlags(command: Command): void {
  const given = ["layers", "tokensRemoved", "threshold", "proportionalAttention"].filter(
    (name) => command.getOptionValueSource(name) === "cli",
  );
  if (given.length > 0)
    throw new PptError(
      "INVALID_OPTION",
      `--no-ppt contradicts the reduction options (${given.join(", ")}): leave one out`,
    );
}
