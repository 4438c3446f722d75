// Bundled into one file for Node: `node dist/label.js PICTURE...` prints a label for each picture.
import { fromPretrained } from "@ppt-vit/pipeline";

const classifier = await fromPretrained("demo", { backend: "onnx-cpu" });
for (const picture of process.argv.slice(2)) {
  const { labels } = await classifier.classify(picture);
  console.log(`${picture}: ${labels[0].label}`);
}
await classifier.dispose();
