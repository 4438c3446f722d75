import { onnxWasm } from "@ppt-vit/backend-onnx/wasm";
import { serveClassifiers } from "@ppt-vit/pipeline/slim";

serveClassifiers({ backends: [onnxWasm] });
