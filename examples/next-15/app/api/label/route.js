import { fromPretrained } from "@ppt-vit/pipeline";

let loading;

export async function POST(request) {
  loading ??= fromPretrained(`${process.cwd()}/public/model`, { backend: "onnx-cpu" });
  const classifier = await loading;
  const { labels } = await classifier.classify(new Uint8Array(await request.arrayBuffer()));
  return Response.json(labels[0]);
}
