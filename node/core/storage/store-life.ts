import { drawId } from "./draw-id.ts";
import { HintsLife } from "./hints-life.ts";
import { type Database, DatabaseFailure, type StoreIdentity } from "../ports/database.ts";
import type { Random } from "../ports/random.ts";
import type { StorePoint } from "../ports/replica-store.ts";
import type { TombstoneCount } from "../ports/tombstone-store.ts";
import type { KeptIdentity, OpenedStore } from "../ports/store-identity.ts";

/**
 * The identity of data.db and its count of commits, which go into each acknowledgement. The count is written in the
 * transaction that it counts: a file that comes back with a smaller one than was ever acknowledged has lost commits.
 *
 * Invariant: `point` is on stable storage. After a failed commit it stays where it was, whatever the disk may keep.
 */
export class StoreLife {
  readonly opened: OpenedStore;
  /** Undefined where the file does not say. */
  readonly tombstonesFound: TombstoneCount | undefined;
  readonly #database: Database;
  #identity: StoreIdentity;
  #changed: KeptIdentity | undefined;
  #written: StoreIdentity | undefined;
  #point: StorePoint;

  readonly #hints: HintsLife;

  /** Throws DatabaseFailure where a file cannot be read. */
  constructor(database: Database, random: Random, hintsDatabase: Database) {
    this.#database = database;
    const found = database.identity();
    this.#hints = new HintsLife(hintsDatabase, found, random);
    this.tombstonesFound = found?.tombstones;
    this.#identity = found ?? {
      storeId: drawId(random),
      sequence: 0,
      lostStores: [],
      recovering: false,
      isNew: true,
    };
    const { storeId: foundId, sequence: foundSequence, lostStores, recovering } = this.#identity;
    this.opened = {
      storeId: foundId,
      sequence: foundSequence,
      lostStores,
      recovering,
      runId: drawId(random),
      isNew: this.#identity.isNew === true,
      hintsLost: this.#hints.loss,
    };
    const { storeId, sequence } = this.#identity;
    this.#point = { storeId, runId: this.opened.runId, sequence };
    const { remembered } = this.#hints;
    const isKnown =
      remembered?.storeId === found?.hints?.storeId && remembered?.sequence === found?.hints?.sequence;
    this.#identity = { ...this.#identity, hints: remembered };
    if (found === undefined || !isKnown) this.#keepNew();
  }

  get hints(): HintsLife {
    return this.#hints;
  }

  /** One object until the next commit. */
  get point(): StorePoint {
    return this.#point;
  }

  /** Takes effect with the transaction that is open. */
  change(identity: KeptIdentity): void {
    this.#changed = identity;
  }

  /** To be called in the transaction, once, where it changes anything. */
  advance(tombstones: TombstoneCount): void {
    const { storeId, lostStores, recovering } = this.#changed ?? this.#identity;
    const isNew = this.#changed === undefined ? this.#identity.isNew : undefined;
    const { remembered: hints } = this.#hints;
    const sequence = this.#identity.sequence + 1;
    this.#written = { storeId, lostStores, recovering, sequence, isNew, hints, tombstones };
    this.#database.writeIdentity(this.#written);
  }

  committed(): void {
    if (this.#written === undefined) return;
    this.#identity = this.#written;
    const { storeId, sequence } = this.#identity;
    this.#point = { storeId, runId: this.opened.runId, sequence };
    this.failed();
  }

  /** Also where the transaction was rolled back: what it was to write is forgotten. */
  failed(): void {
    this.#written = undefined;
    this.#changed = undefined;
  }

  /** So that the next process finds the same store. Where the disk fails now, the first commit tries again. */
  #keepNew(): void {
    try {
      this.#database.begin();
      this.#database.writeIdentity(this.#identity);
      this.#database.commit();
    } catch (error) {
      this.#database.rollback();
      if (!(error instanceof DatabaseFailure)) throw error;
    }
  }
}
