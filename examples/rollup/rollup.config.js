import nodeResolve from "@rollup/plugin-node-resolve";

/** `browser: true` takes the entries of packages that are meant for pages. */
const plugins = [nodeResolve({ browser: true })];

export default ["src", "slim"].map((folder) => ({
  input: [`${folder}/main.js`, `${folder}/worker.js`],
  output: { dir: folder === "src" ? "dist" : "slim/dist" },
  plugins,
}));
