import type { NodeId } from "../node-id.ts";
import type { Observer } from "../ports/observer.ts";
import type { ReplicaStore } from "../ports/replica-store.ts";

/**
 * Remembers the owners that missed a write which this node coordinated: a marker hint at an owner, one owner more on
 * the hint of a stand-in. The handoff delivers it when they are back, so that a cluster without spare nodes converges
 * too. It comes after the answer, is no copy, and is bounded: what does not fit is dropped and counted, and
 * anti-entropy will find it.
 */
export class OwnerMarks {
  readonly #parts: { readonly store: ReplicaStore; readonly observer: Observer };
  #underWay = 0;

  constructor(parts: { readonly store: ReplicaStore; readonly observer: Observer }) {
    this.#parts = parts;
  }

  /** `kept`: what this node has of the write on stable storage; undefined where that is nothing. */
  remember(owners: readonly NodeId[], kept: KeptWrite | undefined): void {
    if (kept === undefined || this.#underWay >= MARKS_MAX) return this.#tell(owners, "dropped");
    this.#underWay += 1;
    const { store } = this.#parts;
    const { position, record } = kept;
    const marked = kept.isHint
      ? store.store({ position, record, keptFor: owners })
      : store.mark({ position, owners });
    void marked.then(({ ok }) => {
      this.#underWay -= 1;
      this.#tell(owners, ok ? "marked" : "failed");
    });
  }

  #tell(owners: readonly NodeId[], outcome: "marked" | "failed" | "dropped"): void {
    for (const ownerId of owners) this.#parts.observer.event({ kind: "owner_missed", ownerId, outcome });
  }
}

export interface KeptWrite {
  readonly position: Uint8Array;
  readonly record: Uint8Array;
  /** Whether this node keeps it for somebody else. */
  readonly isHint: boolean;
}

/** At a disk that takes 100 ms a commit, enough for 10,000 writes a second. */
const MARKS_MAX = 1_024;
