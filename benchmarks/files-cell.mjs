/**
 * One contender of files.mjs, in a process of its own: loads a classifier, then takes its pictures from files to labels
 * whenever the parent asks. In: `{ folder, contender, threads, batch, pictures }`, then "turn" or "finish".
 */
import { createOnnxBackend } from "@ppt-vit/backend-onnx";
import { fromPretrained } from "@ppt-vit/pipeline";
import { peakMemoryBytes } from "./peak-memory.mjs";

/** Opens a classifier: `classify(paths)` gives the best label of each, and `files` of that run. */
const contenders = {
  async "transformers.js, plain export"({ folder, threads, batch }) {
    const { env, pipeline } = await import("@huggingface/transformers");
    env.allowRemoteModels = false;
    env.localModelPath = folder;
    const classifier = await pipeline("image-classification", "plain", {
      dtype: "fp32",
      device: "cpu",
      session_options: { intraOpNumThreads: threads },
    });
    return async (paths) => {
      const labels = [];
      for (let start = 0; start < paths.length; start += batch) {
        const answers = await classifier(paths.slice(start, start + batch), { top_k: 1 });
        labels.push(...answers.map((answer) => (Array.isArray(answer) ? answer[0] : answer).label));
      }
      return labels;
    };
  },
  unreduced: (settings) => ours(settings, false),
  ppt: (settings) => ours(settings, undefined),
};

async function ours({ folder, threads, batch }, reduction) {
  const backend = await createOnnxBackend({ sessionOptions: { intraOpNumThreads: threads } });
  const classifier = await fromPretrained(`${folder}/checkpoint`, { backend, reduction });
  return async (paths) => {
    const labels = [];
    for await (const result of classifier.classifyAll(paths, { batch, topK: 1 })) labels.push(result.labels[0].label);
    return labels;
  };
}

let classify;
let pictures;

process.on("message", async (message) => {
  const start = performance.now();
  if (message === "finish") process.send({ peakMemoryBytes: peakMemoryBytes() }, () => process.exit(0));
  else if (classify) {
    const labels = await classify(pictures);
    if (labels.length !== pictures.length) throw new Error(`${labels.length} labels for ${pictures.length} pictures`);
    process.send(performance.now() - start);
  } else {
    classify = await contenders[message.contender](message);
    pictures = message.pictures;
    process.send({ loadMs: performance.now() - start });
  }
});
