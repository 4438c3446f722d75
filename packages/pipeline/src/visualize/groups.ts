/** The patches that each token holds, and their outline as an SVG path, which a canvas takes as a `Path2D`. */

export type PatchGrid = readonly [rows: number, columns: number];

/** The patches of each remaining token, by token. tokenOfPatch [patches]: the token of each patch, -1 if it was pruned. */
export function tokenGroups(tokenOfPatch: Int32Array): Map<number, number[]> {
  const groups = new Map<number, number[]>();
  for (const [patch, token] of tokenOfPatch.entries()) {
    if (token < 0) continue;
    const group = groups.get(token);
    if (group) group.push(patch);
    else groups.set(token, [patch]);
  }
  return groups;
}

/** Patches that were pruned. */
export const prunedPatches = (tokenOfPatch: Int32Array): number[] =>
  [...tokenOfPatch.keys()].filter((patch) => tokenOfPatch[patch]! < 0);

type Point = readonly [x: number, y: number];

/** The direction to the right, with y downwards. Outlines run clockwise, so it points into the group. */
const rightOf = ([dx, dy]: Point): Point => [-dy, dx];

/**
 * The outline of `patches` on a picture of `size` pixels, as an SVG path: one ring for each part whose patches share sides,
 * and one for each hole. `inset` moves the outline inwards, in pixels, so that the strokes of neighbours stay apart.
 */
export function outlinePath(
  patches: Iterable<number>,
  grid: PatchGrid,
  size: readonly [width: number, height: number],
  inset = 0,
): string {
  const [rows, columns] = grid;
  const [width, height] = [size[0] / columns, size[1] / rows];
  const show = (value: number) => String(Math.round(value * 100) / 100);
  return ringsOf(new Set(patches), grid)
    .map((ring) => {
      const corners = ring.map(({ at: [column, row], inwards: [x, y] }) => [
        show(column * width + x * inset),
        show(row * height + y * inset),
      ]);
      // Sides alternate between horizontal and vertical.
      const [[x, y] = [], ...others] = corners;
      let from = x;
      const sides = others.map(([toX, toY]) => {
        const side = toX === from ? `V${toY}` : `H${toX}`;
        from = toX;
        return side;
      });
      return `M${x} ${y}${sides.join("")}Z`;
    })
    .join("");
}

interface Corner {
  /** Column and row of the grid's lines. */
  readonly at: Point;
  /** Direction into the group: the sum of the inward directions of both sides. */
  readonly inwards: Point;
}

/** Closed outlines, corner by corner, clockwise around patches and counterclockwise around holes. */
function ringsOf(members: ReadonlySet<number>, [, columns]: PatchGrid): Corner[][] {
  // Directed sides by their start, with the group on their right. Two sides start at a corner where two patches touch.
  const sides = new Map<string, Point[]>();
  const add = (x: number, y: number, direction: Point) => {
    const key = `${x},${y}`;
    sides.set(key, [...(sides.get(key) ?? []), direction]);
  };
  for (const patch of members) {
    const [x, y] = [patch % columns, Math.floor(patch / columns)];
    if (!members.has(patch - columns)) add(x, y, [1, 0]);
    if (x === columns - 1 || !members.has(patch + 1)) add(x + 1, y, [0, 1]);
    if (!members.has(patch + columns)) add(x + 1, y + 1, [-1, 0]);
    if (x === 0 || !members.has(patch - 1)) add(x, y + 1, [0, -1]);
  }
  /** Takes the next side. If two start here, it is the one that turns right, which belongs to the same patch. */
  const take = (x: number, y: number, after?: Point): Point => {
    const key = `${x},${y}`;
    const open = sides.get(key)!;
    const right = after && rightOf(after);
    const found = right ? open.findIndex((side) => sameDirection(side, right)) : 0;
    const [side] = open.splice(Math.max(found, 0), 1);
    if (open.length === 0) sides.delete(key);
    return side!;
  };

  const rings: Corner[][] = [];
  for (let next = sides.keys().next(); !next.done; next = sides.keys().next()) {
    const [startX, startY] = next.value.split(",").map(Number) as [number, number];
    const first = take(startX, startY);
    const ring: Corner[] = [];
    let [x, y] = [startX, startY];
    let direction = first;
    const turnTo = (after: Point) => {
      const [a, b] = [rightOf(direction), rightOf(after)];
      if (!sameDirection(direction, after)) ring.push({ at: [x, y], inwards: [a[0] + b[0], a[1] + b[1]] });
      direction = after;
    };
    for (;;) {
      x += direction[0];
      y += direction[1];
      const isBack = x === startX && y === startY;
      // If two patches touch at the start, the outline passes it once more before it closes.
      if (isBack && (!sides.has(`${x},${y}`) || sameDirection(rightOf(direction), first))) break;
      turnTo(take(x, y, direction));
    }
    turnTo(first);
    rings.push(ring);
  }
  return rings;
}

const sameDirection = (a: Point, b: Point): boolean => a[0] === b[0] && a[1] === b[1];
