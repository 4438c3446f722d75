/** `ppt-vit demo`: the sample pictures, unreduced and with PPT side by side, and a drawing of what PPT removed. */
import { mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Backend } from "@ppt-vit/core";
import { demoSamplesUrl } from "@ppt-vit/demo-model";
import {
  type Classification,
  createBackend,
  fromPretrained,
  type ImageClassifier,
  median,
  renderTokens,
  showAnswer,
  type TokenPicture,
  tokenPicture,
} from "@ppt-vit/pipeline";
import type { Command } from "commander";
import { requireWritable, writeFileWhole } from "../../files/write-file.js";
import { backendOption } from "../../flags/backend-option.js";
import { backendLine } from "../../output/install.js";
import { print, say } from "../../output/print.js";
import { tokenFormatOf } from "../visualize/format.js";

interface DemoFlags {
  readonly backend: string;
  readonly out?: string;
}

export function addDemoCommand(program: Command): void {
  program
    .command("demo")
    .description("classify the bundled sample pictures with the demo model, unreduced and with PPT side by side")
    .addOption(backendOption())
    .option(
      "-o, --out <file>",
      "the drawing of what was pruned and pooled: .png, .svg or .html (default: a PNG file in the system's temporary folder)",
    )
    .action(demoCommand);
}

/** Pictures in the drawing. */
const drawn = 4;

async function demoCommand({ backend: name, out }: DemoFlags): Promise<void> {
  if (out !== undefined) {
    tokenFormatOf(out);
    requireWritable(out);
  }
  const backend = await createBackend(name, { progress_callback: (notice) => say(backendLine(notice)) });
  try {
    const folder = fileURLToPath(demoSamplesUrl);
    const files = readdirSync(folder).filter((name) => name.endsWith(".png"));
    const paths = files.sort().map((name) => join(folder, name));
    await compare(backend, paths);
    const pictures = await draw(backend, paths.slice(0, drawn));
    const file = out ?? join(mkdtempSync(join(tmpdir(), "ppt-vit-demo-")), "tokens.png");
    writeFileWhole(file, await renderTokens(pictures, tokenFormatOf(file)));
    print(`what was pruned (dark) and pooled (outlined) in ${pictures.length} of the pictures: ${file}`);
  } finally {
    await backend.dispose();
  }
}

/** Prints the answers and the times of the unreduced model and of the one with PPT. */
async function compare(backend: Backend, paths: readonly string[]): Promise<void> {
  const unreduced = await fromPretrained("demo", { backend, reduction: false });
  const reduced = await fromPretrained("demo", { backend });
  try {
    print("ppt-vit: token pruning and pooling for Vision Transformers (arXiv 2310.01812)");
    print(`demo model (DeiT-Ti geometry, 48 emoji classes; it knows no photographs) on backend ${unreduced.backend}`);
    print(
      `tokens ${reduced.tokens.join(" -> ")}, GMACs ${cost(unreduced, "unreduced")} -> ${cost(reduced, "reduced")} (${saving(reduced)})`,
    );
    print("");
    row("picture", "unreduced", "PPT", "policies");

    // Each model classifies one picture before times are taken, because JavaScript engines compile code that runs often.
    for (const classifier of [unreduced, reduced]) await classifier.classify(paths[0]!);
    const times: Record<"unreduced" | "reduced", number[]> = { unreduced: [], reduced: [] };
    let agreed = 0;
    for (const path of paths) {
      // The models take turns, so that a busy machine slows both alike.
      const whole = await unreduced.classify(path, { topK: 1 });
      const ppt = await reduced.classify(path, { topK: 1 });
      times.unreduced.push(whole.latencyMs);
      times.reduced.push(ppt.latencyMs);
      if (whole.labels[0]!.index === ppt.labels[0]!.index) agreed++;
      row(basename(path), best(whole), best(ppt), ppt.stages.map(({ policy }) => policy).join(", "));
    }
    print("");
    print(`same label on ${agreed} of ${paths.length} pictures`);
    print(showTimes(median(times.unreduced), median(times.reduced)));
  } finally {
    await unreduced.dispose();
    await reduced.dispose();
  }
}

/** The two times and their ratio. The ratio is that of the times as they are printed, so that a reader gets the same. */
export function showTimes(unreducedMs: number, reducedMs: number): string {
  const [before, after] = [unreducedMs, reducedMs].map((ms) => ms.toFixed(1)) as [string, string];
  const ratio = Number(before) / Number(after);
  return `median time an image: ${before} ms unreduced, ${after} ms with PPT: ${ratio.toFixed(2)} times as fast`;
}

/** What PPT did to the pictures. A model of its own, because following the tokens takes time. */
async function draw(backend: Backend, paths: readonly string[]): Promise<TokenPicture[]> {
  const traced = await fromPretrained("demo", { backend, trace: true });
  try {
    const pictures: TokenPicture[] = [];
    for (const path of paths)
      pictures.push(await tokenPicture(basename(path), await traced.classify(path, { topK: 1 }), traced.patches));
    return pictures;
  } finally {
    await traced.dispose();
  }
}

const columns = [19, 20, 20, 22];

const row = (...cells: string[]) =>
  print(
    cells
      .map((cell, i) => cell.padEnd(columns[i]!))
      .join(" ")
      .trimEnd(),
  );

const best = ({ labels: [top] }: Classification) => `${top!.label} ${showAnswer(top!)}`;

const cost = (classifier: ImageClassifier, which: "unreduced" | "reduced") => classifier.gmacs[which].toFixed(3);

const saving = ({ gmacs }: ImageClassifier) => `-${(100 * (1 - gmacs.reduced / gmacs.unreduced)).toFixed(0)} %`;
