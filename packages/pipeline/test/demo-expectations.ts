import { parseReduction, parseSafetensors } from "@ppt-vit/core";
import { type Classification, fromPretrained, isFailure, type PretrainedOptions } from "@ppt-vit/pipeline";
import { expect, it } from "vitest";

export interface DemoExpectations {
  /** Content of `expected.safetensors`. */
  readonly expected: Uint8Array;
  /** Content of `expected.json`. */
  readonly listing: string;
  pictureOf(file: string): string;
  /** One of `backendNames`. */
  readonly backend: string;
}

interface Listing {
  readonly reduction: unknown;
  readonly images: readonly {
    readonly file: string;
    readonly unreduced: { label: string };
    readonly ppt: { label: string };
  }[];
}

export async function classifyAll(paths: readonly string[], options: PretrainedOptions): Promise<Classification[]> {
  const classifier = await fromPretrained("demo", options);
  try {
    const results: Classification[] = [];
    for await (const result of classifier.classifyAll(paths, { topK: 1, batch: 4 })) {
      if (isFailure(result)) throw result.error;
      results.push(result);
    }
    return results;
  } finally {
    await classifier.dispose();
  }
}

/** Registers the tests: logits within 1e-3, the same label on every picture, and the same action in every stage. */
export function checkDemoModel({ expected, listing, pictureOf, backend }: DemoExpectations): void {
  const tensors = parseSafetensors(expected);
  const { reduction, images }: Listing = JSON.parse(listing);
  const paths = images.map(({ file }) => pictureOf(file));
  const minutes = 60_000;

  it.each(["unreduced", "ppt"] as const)(
    "%s: logits, labels and policies",
    async (which) => {
      const results = await classifyAll(paths, { backend, reduction: which === "ppt" && parseReduction(reduction) });
      const logits = tensors.read(`${which}.logits`).data;
      const prunes = tensors.bytes("ppt.prunes");
      let worst = 0;
      results.forEach((result, image) => {
        const { file, ...recorded } = images[image]!;
        expect(result.labels[0]!.label, file).toBe(recorded[which].label);
        result.logits.forEach((logit, i) => {
          worst = Math.max(worst, Math.abs(logit - logits[image * result.logits.length + i]!));
        });
        result.stages.forEach(({ policy }, k) => {
          expect(policy, `${file}, stage ${k}`).toBe(prunes[image * 3 + k] === 1 ? "prune" : "pool");
        });
      });
      expect(results).toHaveLength(images.length);
      expect(worst).toBeLessThan(1e-3);
    },
    10 * minutes,
  );
}
