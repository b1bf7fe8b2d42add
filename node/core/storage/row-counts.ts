import type { HintCounts } from "../ports/database.ts";

/**
 * How many rows there are, or by how many their number has changed. They are counted once, when the databases are
 * opened, and followed from then on by what each batch reports: counting millions of rows again takes seconds.
 */
export interface RowCounts extends HintCounts {
  readonly data: number;
}

/** Rows that were counted again, since what rotted cannot be followed; undefined for a database that was not. */
export interface RowRecount {
  readonly data: number | undefined;
  readonly hints: HintCounts | undefined;
}

export const noRows: RowCounts = { data: 0, hints: 0, markers: 0, hintsByOwner: new Map() };

export function addCounts(counts: RowCounts, change: RowCounts): RowCounts {
  const { data, hints, markers } = change;
  const sums = { data: counts.data + data, hints: counts.hints + hints, markers: counts.markers + markers };
  if (change.hintsByOwner.size === 0) return { ...sums, hintsByOwner: counts.hintsByOwner };
  const hintsByOwner = new Map(counts.hintsByOwner);
  for (const [owner, count] of change.hintsByOwner) addTo(hintsByOwner, owner, count);
  return { ...sums, hintsByOwner };
}

export function recounted(counts: RowCounts, { data, hints }: RowRecount): RowCounts {
  return { ...counts, ...hints, data: data ?? counts.data };
}

/** Leaves no entry of 0 behind. */
export function addTo(counts: Map<string, number>, owner: string, change: number): void {
  const count = (counts.get(owner) ?? 0) + change;
  if (count === 0) counts.delete(owner);
  else counts.set(owner, count);
}
