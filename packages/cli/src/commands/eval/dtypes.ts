/** Answers of one model in several precisions: what one picture's answers tell, and what those of all pictures tell together. */
import type { QuantizedDtypeName } from "@ppt-vit/core";
import type { AnswerKind } from "@ppt-vit/pipeline";
import { type Answer, differenceOf, differenceSummary } from "./answers.js";
import { accuracyOf, scoreOf } from "./score.js";
import type { DtypeAnswer, DtypeSummary, UsedPicture } from "./types.js";

/** An answer beside that of fp32. Both are finite. */
export const compareAnswers = (
  kind: AnswerKind,
  reference: Answer,
  own: Answer,
  label: number | undefined,
): DtypeAnswer => ({
  ...(label !== undefined && { score: scoreOf(own.values, label) }),
  ...differenceOf(kind, reference, own),
  decisions: own.actions.map((action, stage) => action === reference.actions[stage]),
});

/** For each precision what the answers of all pictures tell; undefined if none was compared. */
export function dtypeSummaries(
  pictures: readonly UsedPicture[],
  compared: readonly QuantizedDtypeName[] | undefined,
): Partial<Record<QuantizedDtypeName, DtypeSummary>> | undefined {
  return (
    compared &&
    Object.fromEntries(
      compared.map((dtype) => [dtype, summaryOf(pictures.flatMap(({ dtypes }) => dtypes?.[dtype] ?? []))]),
    )
  );
}

function summaryOf(answers: readonly DtypeAnswer[]): DtypeSummary {
  const scores = answers.flatMap(({ score }) => score ?? []);
  return {
    ...(scores.length > 0 && { accuracy: accuracyOf(scores) }),
    ...differenceSummary(answers),
    decisions: decisionsOf(answers),
  };
}

function decisionsOf(answers: readonly DtypeAnswer[]): DtypeSummary["decisions"] {
  const all = answers.flatMap(({ decisions }) => decisions);
  const same = all.filter(Boolean).length;
  const stages = answers[0]?.decisions.length ?? 0;
  const byStage = Array.from(
    { length: stages },
    (_, stage) => answers.filter(({ decisions }) => decisions[stage]).length,
  );
  return { same, of: all.length, share: all.length > 0 ? same / all.length : null, byStage };
}
