/** A result as a picture to post: what was merged, the headline with its interval, the machine and the versions. */
import { element, threeDigits } from "../dom.js";
import { machineLine } from "../machine.js";
import { intervalInWords, inWords } from "../paired.js";
import type { Outcome } from "../session.js";
import { drawStage, fileOf } from "../tokens/drawing.js";
import { dataAddress, pixelsOf } from "../tokens/export.js";
import { type Cell, namesOf } from "./cells.js";
import { agreementInWords, type Report } from "./report.js";

/** As large as previews of links are. */
const size = { width: 1200, height: 630, margin: 56, picture: 400 };

/** A dark ground, whatever the page has: a card is seen on other pages. */
const colours = { ground: "#121519", ink: "#ece9e2", soft: "#a9afb9", accent: "#4fd1b3", line: "#30363e" };

const font = (pixels: number, weight = 400) =>
  `${weight} ${pixels}px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif`;

export async function cardOf(
  report: Report,
  outcome: Outcome | undefined,
  titleOf: (backend: string) => string,
): Promise<Blob> {
  const { width, height, margin, picture } = size;
  const canvas = element("canvas", { width, height });
  const context = canvas.getContext("2d")!;
  context.fillStyle = colours.ground;
  context.fillRect(0, 0, width, height);
  const image = outcome && (await tokensOf(outcome));
  const left = image ? margin + picture + 48 : margin;
  if (image) context.drawImage(image, margin, 96, picture, picture);

  const write = (text: string, y: number, style: string, colour: string, lines: number, lineHeight: number): number => {
    context.font = style;
    context.fillStyle = colour;
    const wrapped = wrap(context, text, width - left - margin).slice(0, lines);
    for (const [i, line] of wrapped.entries()) context.fillText(line, left, y + i * lineHeight);
    return y + wrapped.length * lineHeight;
  };
  const { headline, details } = wordsOf(report, titleOf);
  write("ppt-vit", 124, font(26, 650), colours.accent, 1, 34);
  let y = write(headline, 192, font(50, 700), colours.ink, 3, 58) + 4;
  for (const detail of details) y = write(detail, y, font(25), colours.ink, 2, 34) + 4;
  context.fillStyle = colours.line;
  context.fillRect(margin, height - 96, width - 2 * margin, 2);
  context.font = font(20);
  context.fillStyle = colours.soft;
  const foot = `${machineLine(report.machine)} · ${versionsOf(report)} · ${report.date.slice(0, 10)}`;
  for (const [i, line] of wrap(context, foot, width - 2 * margin)
    .slice(0, 2)
    .entries())
    context.fillText(line, margin, height - 62 + i * 28);
  return pixelsOf(canvas);
}

/** What the card says of a result: of the fastest reduced contender, or of the fastest of all. */
export function wordsOf({ cells, model }: Pick<Report, "cells" | "model">, titleOf: (backend: string) => string) {
  const byRate = cells.toSorted((a, b) => b.imagesPerSecond - a.imagesPerSecond);
  const isReduced = ({ tokens }: Cell) => tokens.at(-1) !== tokens[0];
  const best = byRate.find((cell) => cell.estimate && isReduced(cell)) ?? byRate[0];
  if (!best) throw new Error("nothing is measured yet: run the benchmark");
  const { backend, estimate, tokens, imagesPerSecond, agreement } = best;
  const kept = isReduced(best) ? `${tokens.at(-1)} of ${tokens[0]} tokens, ` : "";
  return {
    headline: estimate ? `${kept}${inWords(estimate)}` : `${kept}${threeDigits(imagesPerSecond)} images/s here`,
    details: [
      `${namesOf(cells)(best)} on ${titleOf(backend)}: ${threeDigits(imagesPerSecond)} images/s`,
      ...(agreement ? [`Same answer for ${agreementInWords(agreement)} pictures`] : []),
      ...(estimate ? [intervalInWords(estimate)] : []),
      model,
    ],
  };
}

const versionsOf = ({ versions }: Report): string =>
  Object.entries(versions)
    .map(([name, version]) => `${name.replace(/^@ppt-vit\/pipeline$/, "ppt-vit")} ${version}`)
    .join(", ");

/** The picture with what is left of its tokens. */
async function tokensOf({ unreduced, reduced, facts }: Outcome): Promise<HTMLImageElement | undefined> {
  const { image, patches } = unreduced.result;
  if (!image) return undefined;
  const { file, href } = await fileOf(image);
  const stages = reduced?.result.stages ?? [];
  const traced = { image, file, href, patches: patches ?? facts.patches, stages };
  const drawing = drawStage(traced, stages.length, "tokens", "tokens");
  drawing.querySelector(".lit")?.remove();
  drawing.setAttribute("width", String(size.picture));
  drawing.setAttribute("height", String(size.picture));
  // A picture inside a picture file must be in it. The page itself may not load such an address.
  const text = new XMLSerializer().serializeToString(drawing).replace(href, await dataAddress(file));
  URL.revokeObjectURL(href);
  const address = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
  try {
    const drawn = element("img", { src: address, alt: "" });
    await drawn.decode();
    return drawn;
  } finally {
    URL.revokeObjectURL(address);
  }
}

/** Lines of text that are no wider than that. */
function wrap(context: CanvasRenderingContext2D, text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const longer = lines.length > 0 ? `${lines.at(-1)} ${word}` : word;
    if (lines.length > 0 && context.measureText(longer).width <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}
