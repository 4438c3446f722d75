/**
 * A rehearsal of two releases, in a copy of what a release reads: `changeset version` and `changeset publish`, then the versions of
 * the release after it.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { publishedPackages, workspacePackages } from "../packages.mjs";
import { localBin, readJson, root, run } from "../workspace.mjs";

/**
 * Versions and publishes all packages from a copy in `home`, as a maintainer would.
 * @param {string} home an empty folder
 * @param {Record<string, string>} env names the registry
 * @returns {Promise<{ name: string, version: string }[]>} what was published
 * @throws Error if a version is not what the pending changesets ask for, or with the output of what failed
 */
export async function rehearseRelease(home, env) {
  copyWorkspace(home);
  await git(home, "init", "--quiet", "--initial-branch=main");
  await commit(home, "before the release");
  const changesets = join(home, ".changeset");
  const pending = readdirSync(changesets).filter((name) => name.endsWith(".md") && name !== "README.md");
  const before = packagesOf(home);
  await changeset(home, env, "version");
  await commit(home, "the release");
  const after = packagesOf(home);
  for (const problem of versionProblems(before, after, pending.length > 0)) throw new Error(problem);
  for (const { name, dir } of after)
    if (pending.length > 0 && !existsSync(join(dir, "CHANGELOG.md"))) throw new Error(`${name} got no CHANGELOG.md`);
  const output = await changeset(home, env, "publish");
  for (const { name, version } of after)
    if (!output.includes(`New tag:  ${name}@${version}`))
      throw new Error(`${name}@${version} was not published:\n${output}`);
  await rehearseNext(home, env, after);
  return after.map(({ name, version }) => ({ name, version }));
}

/** The release after it, in which only a peer of the pipeline changes. */
async function rehearseNext(home, env, before) {
  const peer = "@ppt-vit/backend-onnx";
  writeFileSync(join(home, ".changeset", "next.md"), `---\n"${peer}": minor\n---\n\nA new option.\n`);
  await commit(home, "a change");
  await changeset(home, env, "version");
  const after = packagesOf(home);
  for (const problem of versionProblems(before, after, true)) throw new Error(problem);
  const { peerDependencies } = readJson(join(home, "packages", "pipeline", "package.json"));
  if (!peerDependencies[peer].startsWith("workspace:>=0.0.0 <1"))
    throw new Error(`\`changeset version\` made the pipeline's peer ${peer} ${peerDependencies[peer]}`);
}

/** Before 1.0.0 no release is a major one: the peer ranges of the pipeline must not make it one. All versions are the same. */
function versionProblems(before, after, arePending) {
  const versions = new Set(after.map(({ version }) => version));
  if (versions.size !== 1) return [`versions differ after \`changeset version\`: ${[...versions].join(", ")}`];
  const [from] = before.map(({ version }) => version);
  const [to] = versions;
  if (arePending && from === to) return [`\`changeset version\` left ${from}, though changesets are pending`];
  if (from.startsWith("0.") && !to.startsWith("0.")) return [`\`changeset version\` went from ${from} to ${to}`];
  return [];
}

/** Copies what changesets and pnpm read: manifests, what is packed, and the links among the packages. */
function copyWorkspace(home) {
  const copy = (...path) => {
    if (existsSync(join(root, ...path)))
      cpSync(join(root, ...path), join(home, ...path), { recursive: true, verbatimSymlinks: true });
  };
  for (const name of ["package.json", "pnpm-workspace.yaml", "LICENSE", ".changeset"]) copy(name);
  for (const { folder } of workspacePackages()) copy(folder, "package.json");
  for (const { folder, manifest } of publishedPackages()) {
    for (const name of ["README.md", ...manifest.files]) copy(folder, name);
    copy(folder, "node_modules", "@ppt-vit");
  }
  // A junction needs no rights on Windows.
  symlinkSync(join(root, "node_modules"), join(home, "node_modules"), "junction");
  mkdirSync(join(home, ".git", "info"), { recursive: true });
}

function packagesOf(home) {
  return publishedPackages().map(({ folder }) => {
    const dir = join(home, folder);
    const { name, version } = readJson(join(dir, "package.json"));
    return { name, version, dir };
  });
}

async function commit(home, message) {
  await git(home, "add", "--all", ".changeset", "packages", "package.json");
  const author = ["-c", "user.name=release", "-c", "user.email=release@localhost", "-c", "commit.gpgsign=false"];
  await git(home, ...author, "commit", "--quiet", "--allow-empty", "--message", message);
}

async function git(cwd, ...args) {
  const { code, output } = await run("git", args, { cwd });
  if (code !== 0) throw new Error(`git ${args.join(" ")} ended with code ${code}:\n${output}`);
}

async function changeset(cwd, env, command) {
  const { code, output } = await run("node", [localBin("@changesets/cli", "changeset"), command], { cwd, env });
  if (code !== 0) throw new Error(`changeset ${command} ended with code ${code}:\n${output}`);
  return output;
}
