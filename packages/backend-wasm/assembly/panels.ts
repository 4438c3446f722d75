/** Eight neighbouring columns of a matrix, of which the last ones may be missing. */
import { spare } from "./vector";

/** Bytes of eight floats. */
@inline
export const panelRow: usize = 32;

/** Writes the first `count` of eight floats. */
@inline
export function put(to: usize, low: v128, high: v128, count: i32): void {
  if (count >= 8) {
    v128.store(to, low);
    v128.store(to, high, 16);
  } else {
    v128.store(spare, low);
    v128.store(spare, high, 16);
    memory.copy(to, spare, <usize>count << 2);
  }
}

/** The address of eight floats: those at `from`, or the first `count` of them with zeros behind. 0 gives zeros. */
export function eight(from: usize, count: i32): usize {
  if (from != 0 && count >= 8) return from;
  memory.fill(spare, 0, panelRow);
  if (from != 0) memory.copy(spare, from, <usize>count << 2);
  return spare;
}

/**
 * Rows of a left operand that pass all panels together: as many as stay in the second-level cache, in blocks of one size, whole
 * tiles of four or six. Every block reads all panels from memory.
 */
export function blockRowsOf(M: i32, rowBytes: usize): i32 {
  const most = max(48, <i32>(589824 / rowBytes));
  const blocks = max(1, (M + most - 1) / most);
  const rows = (M + blocks - 1) / blocks;
  return max(12, ((rows + 11) / 12) * 12);
}
