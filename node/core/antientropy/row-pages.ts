import type { RowDigest } from "../ports/merkle-store.ts";
import { ExchangeStopped } from "./exchange-report.ts";
import { compareBytes } from "../version/record.ts";

/**
 * Compares two ascending lists of rows that come page by page, one from the own disk and one from a peer. Each page is
 * read once, and no more than one of each side is in memory.
 */
export interface RowPage {
  readonly rows: readonly RowDigest[];
  /** Where the next page begins; undefined where this was the last one. */
  readonly next: Uint8Array | undefined;
}

export type ReadPage = (after: Uint8Array | undefined) => Promise<RowPage>;

/** A position that only one side has, or that has another digest there. */
export interface DifferingRow {
  readonly position: Uint8Array;
  readonly side: "ours" | "theirs" | "both";
}

export class RowComparison {
  /** Rows of both sides that were looked at. */
  rowsCompared = 0;
  readonly #ours: PagedRows;
  readonly #theirs: PagedRows;

  constructor(ours: ReadPage, theirs: ReadPage) {
    this.#ours = new PagedRows(ours);
    this.#theirs = new PagedRows(theirs);
  }

  /** The next `most` differences, ascending; fewer only at the end. Rejects as the readers do. */
  async next(most: number): Promise<DifferingRow[]> {
    const differing: DifferingRow[] = [];
    while (differing.length < most) {
      if (this.#ours.isEmpty) await this.#ours.fill();
      if (this.#theirs.isEmpty) await this.#theirs.fill();
      const our = this.#ours.peek();
      const their = this.#theirs.peek();
      if (our === undefined && their === undefined) break;
      const order = orderOf(our, their);
      if (order <= 0) this.#take(this.#ours);
      if (order >= 0) this.#take(this.#theirs);
      if (order < 0) differing.push({ position: our!.position, side: "ours" });
      else if (order > 0) differing.push({ position: their!.position, side: "theirs" });
      else if (compareBytes(our!.digest, their!.digest) !== 0)
        differing.push({ position: our!.position, side: "both" });
    }
    return differing;
  }

  #take(rows: PagedRows): void {
    rows.take();
    this.rowsCompared += 1;
  }
}

function orderOf(our: RowDigest | undefined, their: RowDigest | undefined): number {
  if (our === undefined) return 1;
  if (their === undefined) return -1;
  return compareBytes(our.position, their.position);
}

class PagedRows {
  readonly #read: ReadPage;
  #rows: readonly RowDigest[] = [];
  #at = 0;
  #next: Uint8Array | undefined;
  #hasEnded = false;

  constructor(read: ReadPage) {
    this.#read = read;
  }

  /** Whether the page at hand is used up and there may be another one. */
  get isEmpty(): boolean {
    return this.#at === this.#rows.length && !this.#hasEnded;
  }

  /** Reads on until there is a row or the end. */
  async fill(): Promise<void> {
    while (this.isEmpty) {
      const { rows, next } = await this.#read(this.#next);
      if (next !== undefined && this.#next !== undefined && compareBytes(next, this.#next) <= 0)
        throw new ExchangeStopped("failed", "a list of rows does not go on where it was cut");
      this.#rows = rows;
      this.#at = 0;
      this.#next = next;
      this.#hasEnded = next === undefined;
    }
  }

  peek(): RowDigest | undefined {
    return this.#rows[this.#at];
  }

  take(): void {
    this.#at += 1;
  }
}
