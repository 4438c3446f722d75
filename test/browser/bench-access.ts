/** Accessibility checks that run in the page. Each function must be self-contained. */

/** Texts whose contrast with their background is below WCAG AA. */
export function contrastProblems(): string[] {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true })!;
  /** A CSS colour as [r, g, b, a], parsed by the browser. */
  const parse = (colour: string): [number, number, number, number] => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r!, g!, b!, a! / 255];
  };
  const luminance = (rgb: readonly number[]) => {
    const [r, g, b] = rgb.map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
  };
  const over = (top: readonly number[], below: readonly number[]) =>
    [0, 1, 2].map((c) => top[c]! * top[3]! + below[c]! * (1 - top[3]!));

  const behind = (element: Element | null): number[] => {
    if (!element) return [255, 255, 255];
    const colour = parse(getComputedStyle(element).backgroundColor);
    return colour[3] === 1 ? colour.slice(0, 3) : over(colour, behind(element.parentElement));
  };
  const problems: string[] = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement!;
    const text = node.textContent!.trim();
    const inSight = element.checkVisibility() && !element.closest(".covered, thead, [disabled], option, title");
    if (!text || !inSight) continue;
    const style = getComputedStyle(element);
    const ink = element instanceof SVGElement ? style.fill : style.color;
    const background = behind(element);
    const [one, two] = [luminance(over(parse(ink), background)), luminance(background)];
    const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    const size = Number.parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (isLarge ? 3 : 4.5)) problems.push(`${ratio.toFixed(2)}: ${text.slice(0, 40)}`);
  }
  return problems;
}

/** Controls and pictures without a name, and targets that are too small. */
export function unlabelledControls(): string[] {
  const problems: string[] = [];
  for (const control of document.querySelectorAll<HTMLElement>(
    "button, input, select, progress, canvas, svg, [role]",
  )) {
    if (!control.checkVisibility() || control.matches("[role=alert], [role=status]")) continue;
    const labels = (control as HTMLInputElement).labels ?? [];
    const name =
      control.getAttribute("aria-label") ??
      ([...labels].map((label) => label.textContent).join("") || control.querySelector("title")?.textContent || "");
    if (!(name || control.textContent)?.trim()) problems.push(`no name: ${control.outerHTML.slice(0, 80)}`);
    const target = labels[0] ?? control;
    const { width, height } = target.getBoundingClientRect();
    if (control.matches("button, input, select") && (width < 24 || height < 24))
      problems.push(`${width} x ${height}: ${control.outerHTML.slice(0, 80)}`);
  }
  return problems;
}

/** What moves on the page: animations and transitions of anything but the opacity, for messages, too. */
export function movements(): string[] {
  const message = document.createElement("div");
  message.className = "message";
  document.getElementById("messages")!.append(message);
  const found = document.getAnimations().flatMap((animation) => {
    const { target } = animation.effect as KeyframeEffect;
    const properties = (animation.effect as KeyframeEffect).getKeyframes().flatMap((frame) => Object.keys(frame));
    const moves = properties.filter((name) => !/^(opacity|offset|computedOffset|easing|composite)$/.test(name));
    return moves.length > 0 ? [`${target?.className}: ${moves.join(", ")}`] : [];
  });
  message.remove();
  return found;
}
