import { packageBuild } from "../../tsup.base.js";

// A thread starts from a file of its own.
export default packageBuild({
  entry: {
    main: "src/main.ts",
    "decode-worker": "src/commands/eval/decode-worker.ts",
    heartbeat: "src/jobs/heartbeat.ts",
  },
  dts: false,
});
