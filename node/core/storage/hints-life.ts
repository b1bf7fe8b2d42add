import { type Database, DatabaseFailure, type HintsPoint, type StoreIdentity } from "../ports/database.ts";
import type { Random } from "../ports/random.ts";
import type { HintsLoss } from "../ports/store-identity.ts";
import { drawId } from "./draw-id.ts";

/**
 * The identity of hints.db and its count of commits. data.db remembers both as they were at its last commit: where the
 * hints.db that is opened is new, another, or behind that, hints are lost that were acknowledged, and only the
 * comparison of what the owners have can make up for them.
 *
 * Invariants: what data.db is told is on stable storage in hints.db already, so that no crash looks like a loss; and a
 * loss is remembered (data.db keeps saying what was there) until `accept`, so that a restart finds it again.
 */
export class HintsLife {
  readonly loss: HintsLoss | undefined;
  readonly #hints: Database;
  #identity: StoreIdentity;
  #written: StoreIdentity | undefined;
  /** What data.db has to say of hints.db. */
  #remembered: HintsPoint | undefined;
  #isAccepted: boolean;

  /** @param data what data.db said when it was opened; undefined where it is new. Throws DatabaseFailure. */
  constructor(hints: Database, data: StoreIdentity | undefined, random: Random) {
    this.#hints = hints;
    const found = hints.identity();
    this.loss = lossOf(found, data);
    this.#isAccepted = this.loss === undefined;
    this.#remembered = data === undefined && this.loss !== undefined ? NEVER_SEEN : data?.hints;
    const isUsable = found !== undefined && this.loss !== "rolled_back";
    this.#identity = isUsable
      ? found
      : { storeId: drawId(random), sequence: 0, lostStores: [], recovering: false };
    if (!isUsable) this.#keepNew();
  }

  /** For the next commit of data.db. */
  get remembered(): HintsPoint | undefined {
    if (!this.#isAccepted) return this.#remembered;
    const { storeId, sequence } = this.#identity;
    return { storeId, sequence };
  }

  /** The owners were told of the loss: from now on data.db knows this file. */
  accept(): void {
    this.#isAccepted = true;
  }

  /** To be called in a transaction of hints.db, once, where it changes anything. */
  advance(): void {
    this.#written = { ...this.#identity, sequence: this.#identity.sequence + 1 };
    this.#hints.writeIdentity(this.#written);
  }

  committed(): void {
    this.#identity = this.#written ?? this.#identity;
    this.#written = undefined;
  }

  failed(): void {
    this.#written = undefined;
  }

  #keepNew(): void {
    try {
      this.#hints.begin();
      this.#hints.writeIdentity(this.#identity);
      this.#hints.commit();
    } catch (error) {
      this.#hints.rollback();
      if (!(error instanceof DatabaseFailure)) throw error;
    }
  }
}

/** Both were new, and nobody has said yet that this is no loss. */
const NEVER_SEEN: HintsPoint = { storeId: "", sequence: 0 };

function lossOf(found: StoreIdentity | undefined, data: StoreIdentity | undefined): HintsLoss | undefined {
  // Both new: a first start, or a lost disk. Who has a ring knows which.
  if (data === undefined) return found === undefined ? "missing" : undefined;
  // Written by a build that remembered nothing.
  if (data.hints === undefined) return undefined;
  if (found === undefined) return "missing";
  if (found.storeId !== data.hints.storeId) return data.hints.storeId === "" ? "missing" : "replaced";
  return found.sequence < data.hints.sequence ? "rolled_back" : undefined;
}
