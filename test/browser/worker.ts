import { type BackendHere, classify } from "./classify.js";

classify(self.name as BackendHere).then((result) => postMessage(result));
