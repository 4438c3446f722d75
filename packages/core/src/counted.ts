/** A number with its noun, as a message says it: `1 layer`, `2 layers`, `1 entry`, `2 entries`. */
export const counted = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;
