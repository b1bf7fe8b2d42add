import type { Stored } from "./replica-store.ts";

/**
 * How many tombstones this node keeps in data.db: they stay until they are collected, and their number says what that
 * would give back. Promises never reject.
 */
export interface TombstoneStore {
  /** As far as the writer has told. */
  tombstones(): TombstoneCount;
  /** One short step of counting all rows again, which ends the doubt after many of them; nothing where there is none. */
  countTombstones(): Promise<Stored>;
}

export interface TombstoneCount {
  /** Rows of data.db whose siblings are all tombstones. */
  readonly count: number;
  /**
   * True where rows changed in another way than by writes (they rotted, or are gone), or the file was last written by a
   * build that did not count: then it is off by at most as many until they were counted again.
   */
  readonly inDoubt: boolean;
}

export const noTombstones: TombstoneCount = { count: 0, inDoubt: false };
