/** `ppt-vit demo`: the sample pictures, unreduced and with PPT side by side. */
import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { demoSamplesUrl } from "@ppt-vit/demo-model";
import { type Classification, fromPretrained, type ImageClassifier, median, showAnswer } from "@ppt-vit/pipeline";
import type { Command } from "commander";
import { backendOption } from "../../flags/backend-option.js";
import { print } from "../../output/print.js";

const best = ({ labels: [top] }: Classification) => `${top!.label} ${showAnswer(top!)}`;

export function addDemoCommand(program: Command): void {
  program
    .command("demo")
    .description("classify the bundled sample pictures with the demo model, unreduced and with PPT side by side")
    .addOption(backendOption())
    .action(async ({ backend }: { backend: string }) => demoCommand(backend));
}

async function demoCommand(backend: string): Promise<void> {
  const unreduced = await fromPretrained("demo", { backend, reduction: false });
  const reduced = await fromPretrained("demo", { backend });
  try {
    const folder = fileURLToPath(demoSamplesUrl);
    const files = (await readdir(folder)).filter((name) => name.endsWith(".png")).sort();
    const paths = files.map((name) => `${folder}${name}`);

    print("ppt-vit: token pruning and pooling for Vision Transformers (arXiv 2310.01812)");
    print(`demo model (DeiT-Ti geometry, 48 emoji classes; it knows no photographs) on backend ${unreduced.backend}`);
    print(
      `tokens ${reduced.tokens.join(" -> ")}, GMACs ${cost(unreduced, "unreduced")} -> ${cost(reduced, "reduced")} (${saving(reduced)})`,
    );
    print("");
    const columns = [19, 20, 20, 22];
    const row = (...cells: string[]) =>
      print(
        cells
          .map((cell, i) => cell.padEnd(columns[i]!))
          .join(" ")
          .trimEnd(),
      );
    row("picture", "unreduced", "PPT", "policies");

    // Each model classifies one picture before times are taken, because JavaScript engines compile code that runs often.
    for (const classifier of [unreduced, reduced]) await classifier.classify(paths[0]!);
    const times: Record<"unreduced" | "reduced", number[]> = { unreduced: [], reduced: [] };
    let agreed = 0;
    for (const [i, path] of paths.entries()) {
      // The models take turns, so that a busy machine slows both alike.
      const whole = await unreduced.classify(path, { topK: 1 });
      const ppt = await reduced.classify(path, { topK: 1 });
      times.unreduced.push(whole.latencyMs);
      times.reduced.push(ppt.latencyMs);
      if (whole.labels[0]!.index === ppt.labels[0]!.index) agreed++;
      row(files[i]!, best(whole), best(ppt), ppt.stages.map(({ policy }) => policy).join(", "));
    }
    const [before, after] = [median(times.unreduced), median(times.reduced)];
    // Ratios of runs that follow each other: a busy moment slows both.
    const speedup = median(times.unreduced.map((time, i) => time / times.reduced[i]!));
    print("");
    print(`same label on ${agreed} of ${files.length} pictures`);
    print(
      `median time an image: ${before.toFixed(0)} ms unreduced, ${after.toFixed(0)} ms with PPT: ${speedup.toFixed(2)} times as fast`,
    );
  } finally {
    await unreduced.dispose();
    await reduced.dispose();
  }
}

const cost = (classifier: ImageClassifier, which: "unreduced" | "reduced") => classifier.gmacs[which].toFixed(3);

const saving = ({ gmacs }: ImageClassifier) => `-${(100 * (1 - gmacs.reduced / gmacs.unreduced)).toFixed(0)} %`;
