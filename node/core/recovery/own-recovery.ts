import type { NodeId } from "../node-id.ts";
import type { LossReason, Observer } from "../ports/observer.ts";
import type { Random } from "../ports/random.ts";
import type { StorePoint } from "../ports/replica-store.ts";
import type { IdentityStore, KeptIdentity } from "../ports/store-identity.ts";
import type { Timers } from "../ports/timers.ts";
import type { KeepersRing } from "../ring/keepers.ts";
import { afterLoss, type Loss, lossToldBy } from "./loss.ts";
import { PartitionsLeft } from "./partitions-left.ts";

/**
 * This node's own recovery: from the moment that it hears of a loss until it has pulled every partition from each
 * co-owner. Meanwhile it takes writes, which count, but its answers to reads are no votes.
 *
 * Invariant: that it is recovering is written into data.db, so that a restart does not end it; it ends only with a
 * comparison of everything. Who told of the loss tells it again until this node says that it is whole, so that a crash
 * before the writing loses nothing.
 */
export interface OwnRecoveryParts {
  readonly self: NodeId;
  readonly store: IdentityStore;
  readonly ring: KeepersRing;
  readonly timers: Timers;
  readonly random: Random;
  readonly observer: Observer;
  /** Asks anti-entropy to compare with this co-owner soon. */
  readonly compareSoon: (peer: NodeId) => void;
}

const RETRY_MS = 1_000;
/** The ring keeper waits for it, and whoever forms a ring for the keeper. */
const KEPT_WITHIN_MS = 2_000;

export class OwnRecovery {
  readonly #parts: OwnRecoveryParts;
  readonly #left: PartitionsLeft;
  #identity: KeptIdentity;
  /** Whether data.db says of itself that it is new, and nothing was written yet that says more. */
  #isNew: boolean;
  #isKeeping = false;
  #isKept = true;
  readonly #waiting = new Set<(isKept: boolean) => void>();

  constructor(parts: OwnRecoveryParts) {
    this.#parts = parts;
    this.#left = new PartitionsLeft(parts.self);
    const { storeId, lostStores, recovering, isNew } = parts.store.opened();
    this.#isNew = isNew;
    this.#identity = { storeId, lostStores, recovering };
  }

  get isRecovering(): boolean {
    return this.#identity.recovering;
  }

  /** Whether that is on stable storage, with what else it knows of itself. */
  get isKept(): boolean {
    return this.#isKept;
  }

  /** True once that is so, at once where it is; false where the disk has not taken it within 2 s. Never rejects. */
  kept(): Promise<boolean> {
    if (this.#isKept) return Promise.resolve(true);
    return new Promise((resolve) => {
      const settle = (isKept: boolean): void => {
        cancel();
        this.#waiting.delete(settle);
        resolve(isKept);
      };
      const cancel = this.#parts.timers.after(KEPT_WITHIN_MS, () => settle(false));
      this.#waiting.add(settle);
    });
  }

  /** 0 where it is not recovering; undefined without a ring. */
  partitionsLeft(): number | undefined {
    return this.isRecovering ? this.#left.count(this.#parts.ring) : 0;
  }

  /** To be called once the ring is loaded: goes on where an earlier process stopped, and looks at what is at hand. */
  start(remembered: readonly StorePoint[]): void {
    const opened = this.#parts.store.opened();
    if (this.isRecovering) this.#parts.observer.event({ kind: "recovery_started", reason: "restarted" });
    this.told(remembered);
    // A member had a database: this one was made by this process.
    const isMember = this.#parts.ring.current() !== undefined;
    if (opened.isNew && isMember && !this.isRecovering)
      this.#lost({ stores: [], isRolledBack: false }, "new_database");
    if (this.isRecovering) this.#goOn();
  }

  /** A database that is new has nothing to make up for: this node had no ring, and is about to have its first. */
  hadNoRing(): void {
    if (this.#isNew) this.#keep();
  }

  /** What a node remembers of this one's acknowledgements. */
  told(points: readonly StorePoint[]): void {
    const loss = lossToldBy(points, this.#parts.store.opened(), this.#identity);
    if (loss === undefined) return;
    this.#lost(loss, loss.isRolledBack ? "rolled_back" : "replaced_database");
    this.#goOn();
  }

  /**
   * A member that has no ring had one: its volume lost something, and who knows what else. Its data.db may have been made
   * by an earlier process of this life without a ring, and nobody need remember what it acknowledged.
   */
  lostRing(): void {
    if (!this.isRecovering) this.#lost({ stores: [], isRolledBack: false }, "lost_ring");
  }

  /** This node holds all that the peer held in these partitions. */
  compared(peer: NodeId, partitions: readonly number[]): void {
    this.#left.compared(peer, partitions);
    this.#endIfWhole();
  }

  ringChanged(): void {
    if (this.isRecovering) this.#goOn();
  }

  #lost(loss: Loss, reason: Exclude<LossReason, "restarted">): void {
    const newStoreId = (): string => drawStoreId(this.#parts.random);
    this.#identity = afterLoss(this.#identity, loss, newStoreId);
    this.#parts.observer.event({ kind: "recovery_started", reason });
    this.#keep();
  }

  #goOn(): void {
    if (!this.#endIfWhole())
      for (const peer of this.#left.peersLeft(this.#parts.ring)) this.#parts.compareSoon(peer);
  }

  #endIfWhole(): boolean {
    if (!this.isRecovering || this.#left.count(this.#parts.ring) !== 0) return false;
    this.#identity = { ...this.#identity, recovering: false };
    this.#parts.observer.event({ kind: "recovery_finished" });
    this.#keep();
    return true;
  }

  /** Writes until what is written is what it is. */
  #keep(): void {
    this.#isKept = false;
    this.#isNew = false;
    if (this.#isKeeping) return;
    this.#isKeeping = true;
    const identity = this.#identity;
    void this.#parts.store.keepIdentity(identity).then((stored) => {
      this.#isKeeping = false;
      if (stored.ok && identity === this.#identity) this.#nowKept();
      else if (stored.ok) this.#keep();
      else this.#parts.timers.after(RETRY_MS, () => this.#keep());
    });
  }

  #nowKept(): void {
    this.#isKept = true;
    for (const settle of this.#waiting) settle(true);
  }
}

function drawStoreId(random: Random): string {
  let hex = "";
  for (const byte of random.bytes(8)) hex += byte.toString(16).padStart(2, "0");
  return hex;
}
