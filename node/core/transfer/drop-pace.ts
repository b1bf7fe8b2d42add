import { ROWS_PER_DROP_MAX } from "../ports/misplaced-store.ts";

/**
 * How many rows the next command removes. The writer reads and checks each row before it goes, while clients' writes wait, and a record
 * has some bytes or a megabyte: so a command that took long is followed by a smaller one.
 */
export const ROWS_PER_DROP_MIN = 16;
const SLOW_MS = 50;
const QUICK_MS = 20;

export function rowsOfNextDrop(rows: number, tookMs: number): number {
  if (tookMs > SLOW_MS) return Math.max(ROWS_PER_DROP_MIN, Math.floor(rows / 2));
  return tookMs < QUICK_MS ? Math.min(ROWS_PER_DROP_MAX, rows * 2) : rows;
}
