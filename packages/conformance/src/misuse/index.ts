/** Checks that every backend refuses wrong calls and wrong programs with the same typed error. */
import { isPptError } from "@ppt-vit/core";
import type { Backend, CompileOptions, Program } from "@ppt-vit/core/backend";
import { type ConformanceCase, type CreateBackend, runProgram, uniform, withBackend } from "../harness.js";
import { attentions } from "./attention.js";
import { images, inputs, type Misuse, params } from "./case.js";
import { composites } from "./composites.js";
import { applyAll, operandMisuses } from "./operands.js";
import { primitives } from "./primitives.js";
import { wrongPrograms } from "./programs.js";
import { tokenComposites } from "./tokens.js";

const groups: Readonly<Record<string, readonly Misuse[]>> = {
  primitives,
  composites,
  attentions,
  "token reduction": tokenComposites,
  "every operand": operandMisuses,
};

/** Each group runs with fixed shapes and with a free batch. Inputs of one image have no free batch. */
const batches: Readonly<Record<string, CompileOptions["inputs"]>> = {
  "": inputs,
  " with a free batch": Object.fromEntries(
    Object.entries(inputs).map(([name, shape]) => [name, shape[0] === images ? [-1, ...shape.slice(1)] : shape]),
  ),
};

/** What is wrong with the error that a call threw, or undefined if it is as expected. */
function problemOf(
  { name, code = "INVALID_SHAPE", mentions, mayRun }: Omit<Misuse, "apply">,
  error: unknown,
  isFree: boolean,
): string | undefined {
  if (!isPptError(error) || error.code !== code) return `expected ${code}, got ${error}`;
  // With a free batch, messages show -1 for the number of images, so their text is not checked.
  const expected = [...(mayRun ? [] : [/^\w*/.exec(name)![0]]), ...mentions];
  const absent = isFree ? [] : expected.filter((text) => !error.message.includes(text));
  return absent.length > 0 ? `the message lacks ${absent.join(" and ")}: ${error.message}` : undefined;
}

/** Runs `body` with the tensors that the cases share. */
async function withShared(backend: Backend, shapes: CompileOptions["inputs"], body: Program): Promise<void> {
  const feeds = Object.fromEntries(Object.entries(inputs).map(([name, shape], i) => [name, uniform(shape, 10 + i)]));
  const executable = await backend.compile(
    (ops, known, fed) => {
      body(ops, { ...known, ...fed }, {});
      return { y: ops.mul(fed.x!, 1) };
    },
    { params, inputs: shapes },
  );
  try {
    await executable.run(feeds);
  } finally {
    await executable.dispose();
  }
}

/** @throws Error that lists the calls that were accepted, or refused with the wrong error */
async function expectRefusals(backend: Backend, group: readonly Misuse[], shapes: CompileOptions["inputs"]) {
  const problems = new Set<string>();
  await withShared(backend, shapes, (ops, x) => {
    for (const misuse of group) {
      try {
        misuse.apply(ops, x);
        if (!misuse.mayRun) problems.add(`${misuse.name}: it was accepted`);
      } catch (error) {
        const problem = problemOf(misuse, error, shapes !== inputs);
        if (problem) problems.add(`${misuse.name}: ${problem}`);
      }
    }
    return {};
  });
  if (problems.size > 0) throw new Error([...problems].join("\n"));
}

async function expectWrongPrograms(backend: Backend): Promise<void> {
  const problems: string[] = [];
  for (const { name, mentions, program } of wrongPrograms) {
    try {
      await runProgram(backend, program, { x: uniform([2, 3], 1) });
      problems.push(`${name}: it was run`);
    } catch (error) {
      const problem = problemOf({ name: "", code: "INVALID_INPUT", mentions }, error, false);
      if (problem) problems.push(`${name}: ${problem}`);
    }
  }
  if (problems.length > 0) throw new Error(problems.join("\n"));
}

export function misuseCases(create: CreateBackend): ConformanceCase[] {
  const named = (name: string, run: (backend: Backend) => Promise<void>): ConformanceCase => ({
    name: `misuse: ${name}`,
    run: () => withBackend(create, run),
  });
  return [
    ...Object.entries(batches).flatMap(([how, shapes]) => [
      named(`operands that fit are accepted${how}`, (backend) =>
        withShared(backend, shapes, (ops, x) => {
          applyAll(ops, x);
          return {};
        }),
      ),
      ...Object.entries(groups).map(([group, misuses]) =>
        named(`${group}${how} get typed errors`, (backend) => expectRefusals(backend, misuses, shapes)),
      ),
    ]),
    named("programs that return no tensors get typed errors", expectWrongPrograms),
  ];
}
