import type { WatchMark } from "../ports/seal-store.ts";

/**
 * Which of the rows that seal rounds asked about have been written since. A value on its way when the first pass asked may come
 * to a row, go on from there, and be gone from it when the second pass asks: so what is covered twice must
 * also not have been written in between.
 *
 * Invariant: `isUnchangedSince(place, mark)` only where the place was watched from the mark on, and no row of it, in either
 * database, was written since, committed or not. It is in memory alone: another process, or more rows than there is room
 * for, and nothing is known, which no round takes for "unchanged".
 */
export class RowWatch {
  readonly #drawLife: () => string;
  #life: string | undefined;
  #at = 0;
  /** By place, those asked about last at the end. */
  readonly #places = new Map<string, Watched>();

  constructor(drawLife: () => string) {
    this.#drawLife = drawLife;
  }

  /** Watches these places from now on, as far as there is room. */
  begin(positions: readonly Uint8Array[], nowMs: number): WatchMark {
    const before = this.#at;
    this.#at += 1;
    for (const position of positions) {
      const place = placeOf(position);
      const known = this.#places.get(place);
      if (known !== undefined) this.#places.delete(place);
      else if (!this.#hasRoom(nowMs)) continue;
      this.#places.set(place, { changedAt: known?.changedAt ?? before, askedMs: nowMs });
    }
    this.#life ??= this.#drawLife();
    return { life: this.#life, at: this.#at };
  }

  isUnchangedSince(position: Uint8Array, { life, at }: WatchMark): boolean {
    const watched = this.#places.get(placeOf(position));
    return watched !== undefined && life === this.#life && watched.changedAt < at;
  }

  /** To be called for each row that is written or removed. */
  changed(position: Uint8Array): void {
    if (this.#places.size === 0) return;
    const watched = this.#places.get(placeOf(position));
    if (watched !== undefined) watched.changedAt = this.#at;
  }

  /** The round about it is over: its place is for others. */
  release(position: Uint8Array): void {
    this.#places.delete(placeOf(position));
  }

  /** Rows may have changed that nobody wrote. */
  forget(): void {
    this.#places.clear();
  }

  #hasRoom(nowMs: number): boolean {
    if (this.#places.size < PLACES_MAX) return true;
    const [oldest] = this.#places;
    if (oldest === undefined || nowMs - oldest[1].askedMs < WATCHED_MS_MIN) return false;
    this.#places.delete(oldest[0]);
    return true;
  }
}

interface Watched {
  /** `#at` when the row was last written, or when it was not watched yet. */
  changedAt: number;
  askedMs: number;
}

/** Some 10 MiB. */
const PLACES_MAX = 65_536;
/** Longer than a round takes: what is older gives its place to others. */
const WATCHED_MS_MIN = 900_000;

function placeOf(position: Uint8Array): string {
  return String.fromCharCode(...position);
}
