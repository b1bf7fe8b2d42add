import type { StoredRow } from "../../../node/core/ports/database.ts";
import type { SeededRandom } from "./seeded-random.ts";

export type Rows = ReadonlyMap<string, StoredRow>;
export type Changes = ReadonlyMap<string, StoredRow | undefined>;

/**
 * One database file on a node's disk: what a power cut leaves. A process sees more (its open transaction and the
 * commit that is being synced, simulated-database.ts), but only what is in `rows` survives it.
 */
export class DatabaseFile {
  #rows = new Map<string, StoredRow>();
  /** Told of every commit that is on the disk for good. */
  onDurable: (changes: Changes) => void = () => undefined;
  /** A commit that is being synced: it may or may not survive a crash, as a whole. */
  #syncing: Changes | undefined;
  /** A commit whose sync failed: its frames may lie in the log and be found at the next start. */
  #ghost: Changes | undefined;

  get rows(): Rows {
    return this.#rows;
  }

  get isSyncing(): boolean {
    return this.#syncing !== undefined;
  }

  syncStarted(changes: Changes): void {
    this.#syncing = changes;
  }

  synced(changes: Changes): void {
    this.#syncing = undefined;
    this.#ghost = undefined;
    this.#apply(changes);
  }

  syncFailed(changes: Changes): void {
    this.#syncing = undefined;
    this.#ghost = changes;
  }

  /** The process or the power is gone. Returns whether a commit under way survived, undefined where none was. */
  crash(random: SeededRandom, { kept }: { kept: number }): boolean | undefined {
    if (this.#ghost !== undefined && random.chance(0.5)) this.#apply(this.#ghost);
    this.#ghost = undefined;
    const syncing = this.#syncing;
    this.#syncing = undefined;
    if (syncing === undefined) return undefined;
    const survives = random.chance(kept);
    if (survives) this.#apply(syncing);
    return survives;
  }

  snapshot(): Rows {
    return new Map(this.#rows);
  }

  restore(rows: Rows): void {
    this.#rows = new Map(rows);
    this.#ghost = undefined;
    this.#syncing = undefined;
  }

  loseRow(at: string): void {
    this.#rows.delete(at);
  }

  /** One bit of the record rots; the digest beside it does not follow. */
  flipBit(at: string, random: SeededRandom): void {
    const row = this.#rows.get(at);
    if (row === undefined || row.record.length === 0) return;
    const record = row.record.slice();
    const index = random.below(record.length);
    record[index] = record[index]! ^ (1 << random.below(8));
    this.#rows.set(at, { ...row, record });
  }

  #apply(changes: Changes): void {
    this.onDurable(changes);
    for (const [at, row] of changes) {
      if (row === undefined) this.#rows.delete(at);
      else this.#rows.set(at, row);
    }
  }
}

/** A node's volume: two databases and the ring, and what ails them just now. */
export class SimulatedDisk {
  readonly data = new DatabaseFile();
  readonly hints = new DatabaseFile();
  ring: Uint8Array | undefined;
  ringSaving: Uint8Array | undefined;
  /** Commits fail with disk_full until this virtual time. */
  fullUntilMs = 0;
  /** The next so many commits fail with io_error. */
  failingCommits = 0;
  /** What the latency of a commit is multiplied with, until `slowUntilMs`. */
  slowness = 1;
  slowUntilMs = 0;

  /** `kept`: the probability that a commit under way survives (page cache: a kill keeps it, a power cut rarely). */
  crash(random: SeededRandom, kept: { kept: number }): boolean[] {
    if (this.ringSaving !== undefined && random.chance(kept.kept)) this.ring = this.ringSaving;
    this.ringSaving = undefined;
    const outcomes = [this.data.crash(random, kept), this.hints.crash(random, kept)];
    return outcomes.filter((survived) => survived !== undefined);
  }
}

/** A row's place as a map key. */
export function placeOf(position: Uint8Array): string {
  let text = "";
  for (const byte of position) text += String.fromCharCode(byte);
  return text;
}
