/** Blocks that are data, and blocks whose comment says why they cannot run here. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { transform } from "esbuild";
import { load } from "js-yaml";
import ts from "typescript";
import { run } from "../../workspace.mjs";

/** JSON, also with comments. Several objects may follow each other, each from the start of a line. */
export async function json({ text }) {
  for (const part of text.split(/^(?=[{[])/m)) {
    const { error } = ts.parseConfigFileTextToJson("block.json", part);
    if (error) throw new Error(ts.flattenDiagnosticMessageText(error.messageText, "\n"));
  }
}

export async function yaml({ text }) {
  load(text);
}

/** Headers, one a line. */
export async function http({ text }) {
  for (const line of text.trim().split("\n"))
    if (!/^[\w-]+: \S.*$/.test(line)) throw new Error(`'${line}' is no header`);
}

/** Python is compiled. It runs too where its modules are installed. */
export async function python(block, { cwd, env }) {
  const file = join(cwd, `block-${block.line}.py`);
  await writeFile(file, block.text);
  const compiled = await run("python3", ["-m", "py_compile", file], { cwd });
  if (compiled.code !== 0) throw new Error(compiled.output);
  const modules = [...block.text.matchAll(/^(?:import|from) (\w+)/gm)].map(([, name]) => name);
  const { code } = await run("python3", ["-c", `import ${modules.join(", ")}`], { cwd });
  if (code !== 0 || modules.length === 0) return;
  const ran = await run("python3", [file], { cwd, env });
  if (ran.code !== 0) throw new Error(ran.output);
}

const checks = {
  js: async (text) => {
    await transform(text, { loader: "ts", format: "esm" });
  },
  py: async (text, cwd) => {
    const file = join(cwd, "parsed.py");
    await writeFile(file, text);
    return run("python3", ["-m", "py_compile", file], { cwd });
  },
  sh: async (text, cwd) => {
    const file = join(cwd, "parsed.sh");
    await writeFile(file, text);
    return run("bash", ["-n", file], { cwd });
  },
  nginx: (text) => {
    if (text.split("{").length !== text.split("}").length) throw new Error("braces do not match");
    const bad = text.split("\n").find((line) => line.trim() && !/[{};]$/.test(line.trim()));
    if (bad) throw new Error(`'${bad}' has no ; at its end`);
  },
  apache: (text) => {
    const bad = text.split("\n").find((line) => line.trim() && !/^(<\/?[A-Z]\w*|[A-Z]\w*) ?/.test(line));
    if (bad) throw new Error(`'${bad}' is no directive`);
  },
  html: (text) => {
    if (!/<\w+[^>]*>/.test(text)) throw new Error("there is no element in it");
  },
};
const languages = { bash: "sh", shell: "sh", javascript: "js", mjs: "js", ts: "js", typescript: "js", python: "py" };

/** Parses the block. */
export async function parse({ language, text }, { cwd }) {
  const check = checks[languages[language] ?? language];
  if (!check) throw new Error(`nothing here parses '${language}'`);
  const result = await check(text, cwd);
  if (result?.code) throw new Error(result.output);
}
