/** A registry on loopback: packages of this repository are published to it, all others come through it from npm's registry. */
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { run } from "../workspace.mjs";

/** The newest verdaccio that runs on Node 20. */
const verdaccio = "6.8.0";

/**
 * Installs verdaccio into `home` and starts it. It is no dependency of the repository, because its 300 packages would slow down
 * every install, `npm start` too, and only this test needs it.
 * @param {string} home an empty folder
 * @returns {Promise<{ url: string, env: Record<string, string>, close(): Promise<void> }>} `env` makes npm, pnpm and yarn use the
 *   registry alone, with caches of their own
 * @throws Error with the output of npm or of verdaccio
 */
export async function startRegistry(home) {
  const upstream = await npmRegistry();
  // The tag `cjs` of node-fetch, which a part of verdaccio asks for, is missing in mirrors of npm's registry.
  const manifest = { private: true, overrides: { "node-fetch": "2.7.0" } };
  writeFileSync(join(home, "package.json"), JSON.stringify(manifest));
  const install = [
    "install",
    `verdaccio@${verdaccio}`,
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--prefer-offline",
  ];
  const { code, output } = await run("npm", install, { cwd: home });
  if (code !== 0) throw new Error(`npm could not install verdaccio ${verdaccio}:\n${output}`);

  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  writeFileSync(join(home, "config.yaml"), configuration(upstream));
  const close = await startVerdaccio(home, port, url);
  const npmrc = join(home, "npmrc");
  writeFileSync(npmrc, `registry=${url}\n//127.0.0.1:${port}/:_authToken=loopback\n`);
  return { url, env: registryEnv(home, url, npmrc), close };
}

/** The registry that npm uses on this machine. */
async function npmRegistry() {
  const { code, stdout } = await run("npm", ["config", "get", "registry"]);
  return code === 0 && /^https?:/.test(stdout.trim()) ? stdout.trim() : "https://registry.npmjs.org/";
}

/** YAML of verdaccio's configuration; JSON is YAML. Everybody may publish, because only this machine reaches the registry. */
function configuration(upstream) {
  const everybody = { access: "$all", publish: "$all", unpublish: "$all" };
  return JSON.stringify({
    storage: "./storage",
    uplinks: { npm: { url: upstream, cache: true, timeout: "120s", maxage: "1d" } },
    packages: { "@ppt-vit/*": everybody, "**": { access: "$all", proxy: "npm" } },
    max_body_size: "100mb",
    web: { enable: false },
    log: { type: "stdout", format: "pretty", level: "error" },
  });
}

/** The variables that npm, pnpm and yarn read. Caches are new, so that nothing is taken from an earlier test. */
function registryEnv(home, url, npmrc) {
  const cache = (name) => {
    mkdirSync(join(home, "caches", name), { recursive: true });
    return join(home, "caches", name);
  };
  return {
    npm_config_registry: url,
    npm_config_userconfig: npmrc,
    npm_config_cache: cache("npm"),
    YARN_CACHE_FOLDER: cache("yarn"),
    YARN_REGISTRY: url,
    npm_config_audit: "false",
    npm_config_fund: "false",
  };
}

/** Starts verdaccio. @returns a function that ends it */
async function startVerdaccio(home, port, url) {
  const command = join(home, "node_modules", "verdaccio", "bin", "verdaccio");
  const args = ["--config", join(home, "config.yaml"), "--listen", `127.0.0.1:${port}`];
  const child = spawn(process.execPath, [command, ...args], { cwd: home, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (output += text));
  const ended = new Promise((resolve) => child.on("close", resolve));
  let hasEnded = false;
  ended.then(() => (hasEnded = true));
  const kill = () => child.kill();
  process.on("exit", kill);
  while (!(await answers(`${url}-/ping`))) {
    if (hasEnded) throw new Error(`verdaccio ended:\n${output}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return async () => {
    process.off("exit", kill);
    child.kill();
    await ended;
  };
}

const answers = (url) =>
  fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );

/** A port that is free now. */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
