/** The player of a token view: one stage large, all stages small, and the token under the pointer lit. */
import { reasonOf } from "@ppt-vit/core";
import { outlinePath, tokenGroups } from "@ppt-vit/pipeline/browser";
import { complain, counted, element, threeDigits } from "../dom.js";
import { drawStage, type Mode, mapAfter, patchAt, type Traced } from "./drawing.js";
import { save, sheetFile, sheetPixels } from "./export.js";
import { legendOf } from "./legend.js";

export interface Player {
  readonly element: HTMLElement;
  /** Shows another picture or other stages, at the stage that was shown before, if it has one. */
  show(traced: Traced, name: string): void;
}

/** Time that each stage is shown while the player runs. */
const stageMs = 1300;

/** `prefix` makes the ids of a second player its own. */
export function createPlayer(prefix = ""): Player {
  let traced: Traced | undefined;
  let name = "";
  let stage = Number.POSITIVE_INFINITY;
  let mode: Mode = "tokens";
  let pinned: number | undefined;
  let timer: ReturnType<typeof setInterval> | undefined;

  const large = element("div", { id: `${prefix}stage-view`, class: "stage-view", tabindex: 0, role: "application" });
  large.setAttribute("aria-label", "Tokens of the picture: arrow keys go from patch to patch");
  large.setAttribute("aria-describedby", `${prefix}token-note`);
  const caption = element("p", { id: `${prefix}stage-caption`, class: "stage-caption" });
  const note = element("p", { id: `${prefix}token-note`, class: "fine", role: "status" });
  const legend = element("p", { id: `${prefix}legend`, class: "legend fine" });
  const strip = element("div", { id: `${prefix}stages`, class: "stages", role: "group", "aria-label": "Stages" });
  const play = element("button", { type: "button", id: `${prefix}play` }, "Play");
  const modes = element("div", { class: "segmented", role: "group", "aria-label": "What is drawn" });
  const modeButtons = (["tokens", "scores"] as const).map((one) => {
    const button = element("button", {
      type: "button",
      id: `${prefix}mode-${one}`,
      "aria-pressed": String(one === mode),
    });
    button.textContent = one === "tokens" ? "Tokens" : "Scores";
    button.addEventListener("click", () => {
      mode = one;
      for (const other of modeButtons) other.setAttribute("aria-pressed", String(other === button));
      draw();
    });
    return button;
  });
  modes.append(...modeButtons);
  const exportAs = (id: string, text: string, make: typeof sheetFile, ending: string) => {
    const button = element("button", { type: "button", id: `${prefix}${id}` }, text);
    button.addEventListener("click", async () => {
      if (!traced) return;
      try {
        save(await make(traced, name), `${name.replace(/\.\w+$/, "")}-tokens.${ending}`);
      } catch (error) {
        complain(`The picture could not be saved: ${reasonOf(error)}`);
      }
    });
    return button;
  };

  const most = () => traced?.stages.length ?? 0;
  function go(to: number): void {
    stage = Math.max(0, Math.min(most(), to));
    draw();
  }
  function stop(): void {
    clearInterval(timer);
    timer = undefined;
    play.textContent = "Play";
  }
  play.addEventListener("click", () => {
    if (timer !== undefined) return stop();
    play.textContent = "Pause";
    go(stage >= most() ? 0 : stage + 1);
    timer = setInterval(() => {
      // A player that has left the page ends.
      if (stage >= most() || !large.isConnected) return stop();
      go(stage + 1);
      if (stage >= most()) stop();
    }, stageMs);
  });

  /** Lights every patch of the token that holds a patch. */
  function light(patch: number | undefined): void {
    const drawing = large.querySelector("svg");
    if (!traced || !drawing) return;
    const path = drawing.querySelector(".lit")!;
    if (patch === undefined) {
      path.setAttribute("d", "");
      note.textContent = "";
      return;
    }
    const at = mode === "scores" ? Math.max(0, stage - 1) : stage;
    const map = mapAfter(traced, at);
    const token = map[patch]!;
    const patches = token < 0 ? [patch] : tokenGroups(map).get(token)!;
    const { image, patches: grid, stages } = traced;
    path.setAttribute("d", outlinePath(patches, grid, [image.width, image.height]));
    note.textContent = sentence(patch, token, patches.length);
    if (mode === "scores" && stage > 0 && token >= 0) {
      const { scores, tokensIn } = stages[stage - 1]!;
      const score = scores?.[token - (tokensIn - scores.length)];
      if (score !== undefined) note.textContent += ` Score ${threeDigits(score)}.`;
    }
  }
  function sentence(patch: number, token: number, size: number): string {
    const columns = traced!.patches[1];
    const place = `Row ${Math.floor(patch / columns) + 1}, column ${(patch % columns) + 1}:`;
    if (token < 0) return `${place} pruned, the model no longer computes this patch.`;
    return size === 1
      ? `${place} a token of its own.`
      : `${place} one token for ${counted(size, "patch", "patches")}, lit here.`;
  }
  const patchOf = (event: MouseEvent) =>
    patchAt(large.querySelector("svg")!, traced!.patches, event.clientX, event.clientY);
  large.addEventListener("pointermove", (event) => traced && event.pointerType === "mouse" && light(patchOf(event)));
  large.addEventListener("pointerleave", () => light(pinned));
  // A tap or a click keeps the token lit.
  large.addEventListener("click", (event) => {
    if (!traced) return;
    pinned = patchOf(event);
    light(pinned);
  });
  large.addEventListener("keydown", (event) => {
    if (!traced) return;
    const [rows, columns] = traced.patches;
    const move = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    if (event.key === "Escape") pinned = undefined;
    else if (move === undefined) return;
    else pinned = pinned === undefined ? 0 : (pinned + move + rows * columns) % (rows * columns);
    event.preventDefault();
    light(pinned);
  });

  function draw(): void {
    if (!traced) return;
    const at = Math.min(stage, most());
    large.replaceChildren(drawStage(traced, at, mode, labelOf(traced, at)));
    caption.replaceChildren(...captionOf(traced, at));
    legend.replaceChildren(...legendOf(traced, at, mode));
    for (const [i, button] of [...strip.children].entries()) button.setAttribute("aria-pressed", String(i === at));
    light(pinned);
  }

  const box = element(
    "div",
    { class: "player" },
    large,
    element(
      "div",
      { class: "player-side" },
      caption,
      legend,
      note,
      element("div", { class: "row" }, play, modes),
      element(
        "div",
        { class: "row" },
        exportAs("save-png", "Save PNG", sheetPixels, "png"),
        exportAs("save-svg", "Save SVG", sheetFile, "svg"),
      ),
    ),
    strip,
  );
  return {
    element: box,
    show(next, called) {
      const old = traced?.href;
      stage = Math.min(stage, next.stages.length);
      if (traced && stage === traced.stages.length) stage = next.stages.length;
      if (traced && traced.patches.join() !== next.patches.join()) pinned = undefined;
      traced = next;
      name = called;
      strip.replaceChildren(
        ...Array.from({ length: next.stages.length + 1 }, (_, i) => {
          const button = element("button", { type: "button", class: "stage" });
          const figure = element("span", { class: "stage-caption" }, ...captionOf(next, i).slice(0, 2));
          button.append(drawStage(next, i, "tokens", labelOf(next, i)), figure);
          button.addEventListener("click", () => {
            stop();
            go(i);
          });
          return button;
        }),
      );
      draw();
      // The drawings of the old picture are gone.
      if (old !== undefined && old !== next.href) URL.revokeObjectURL(old);
    },
  };
}

function captionOf({ stages, patches: [rows, columns] }: Traced, at: number): HTMLElement[] {
  const stage = stages[at - 1];
  if (!stage)
    return [element("strong", {}, "Picture"), element("span", {}, counted(rows * columns, "patch", "patches"))];
  const { layer, policy, tokensIn, tokensOut, variance } = stage;
  const done = policy === "prune" ? "pruned" : "pooled";
  return [
    element("strong", {}, `Block ${layer}`, " ", element("span", { class: `badge policy-${policy}` }, done)),
    element("span", {}, `${tokensIn} → ${tokensOut} tokens`),
    element("span", { class: "fine" }, `variance ${threeDigits(variance)}`),
  ];
}

function labelOf(traced: Traced, at: number): string {
  const stage = traced.stages[at - 1];
  if (!stage) return "The picture as the model sees it";
  const { layer, policy, tokensIn, tokensOut } = stage;
  return `After block ${layer}, ${policy === "prune" ? "pruned" : "pooled"}: ${tokensIn} to ${tokensOut} tokens`;
}
