import { classify } from "./classify.js";

classify().then((result) => postMessage(result));
