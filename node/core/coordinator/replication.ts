import type { NodeId } from "../node-id.ts";
import type { Stored } from "../ports/replica-store.ts";
import type { CancelTimer } from "../ports/timers.ts";
import { WriteTally } from "../quorum/write-tally.ts";
import type { RingNumber } from "../ring/ring-number.ts";
import type { QuorumMember } from "../ring/sloppy-quorum.ts";
import {
  bestFirst,
  type Coordination,
  type CoordinatorParts,
  hedgeDelayMs,
  isFencedHere,
  planAnew,
  remainingMs,
} from "./coordination.ts";
import type { OwnerMarks } from "./owner-marks.ts";
import { offerToStore } from "./replica-calls.ts";

export interface ReplicatedWrite {
  readonly record: Uint8Array;
  readonly durable: Promise<Stored>;
  /** The first N healthy nodes; of two sets of owners together, while a change moves copies. */
  readonly members: readonly QuorumMember[];
  /** The owner that this node keeps it for; undefined where it is an owner itself. */
  readonly keptFor: NodeId | undefined;
}

/**
 * Sends one record to the nodes that shall keep it, and waits for W of them (Dynamo §4.5, §4.6). A node that is
 * lost is replaced at once, one that stays silent for the hedge delay is doubled, each by the next healthy stand-in,
 * which keeps the record with a hint for the owner it stands in for. A full window is offered it again with each hedge
 * delay; nobody else is asked twice.
 *
 * After the answer: an owner that has it neither itself nor at a stand-in, when all who were asked have answered or the
 * deadline has passed, is remembered at this node (owner-marks.ts). Once a write, whether it succeeded or not.
 *
 * A replica that refuses the write because it serves a later ring gives that ring first. Where W are there meanwhile, that is the
 * answer: fewer than the change rests on have fenced the plan. Else the write ends here, and the result is its plan by that ring.
 */
export async function replicate(
  write: ReplicatedWrite,
  coordination: Coordination,
  parts: ReplicationParts,
): Promise<WriteTally | Coordination> {
  return new Replication(write, coordination, parts).run();
}

export type ReplicationParts = CoordinatorParts & { readonly ownerMarks: OwnerMarks };

class Replication {
  readonly #write: ReplicatedWrite;
  readonly #coordination: Coordination;
  readonly #parts: ReplicationParts;
  readonly #tally: WriteTally;
  /** Nodes that were asked or tried, this one included, each with the owner whose copy it shall keep. */
  readonly #ownerOf = new Map<NodeId, NodeId>();
  /** Targets that a stand-in has already doubled or replaced. */
  readonly #replaced = new Set<NodeId>();
  /** Nodes whose window is full, and that may take it later. */
  readonly #unsent = new Set<NodeId>();
  #marked: Set<NodeId> | undefined;
  #timer: CancelTimer | undefined;
  #finish: (() => void) | undefined;
  /** By a later ring: what is under way by this one counts for nothing any more. */
  #replanned: Coordination | undefined;

  constructor(write: ReplicatedWrite, coordination: Coordination, parts: ReplicationParts) {
    this.#write = write;
    this.#coordination = coordination;
    this.#parts = parts;
    this.#tally = new WriteTally(coordination.quorum, coordination.routes.writeSets);
  }

  run(): Promise<WriteTally | Coordination> {
    return new Promise((resolve) => {
      this.#finish = () => {
        this.#timer?.();
        this.#finish = undefined;
        this.#unsent.clear();
        resolve(this.#replanned ?? this.#tally);
        if (this.#replanned === undefined) this.#markMissed();
      };
      this.#keepLocally();
      for (const { node, standsInFor } of this.#write.members) {
        if (node === this.#parts.self) continue;
        this.#ask(node, standsInFor);
      }
      for (const node of this.#coordination.silent) if (this.#ownerOf.has(node)) this.#double(node);
      this.#hedgeLater();
      this.#check();
    });
  }

  #keepLocally(): void {
    const { self } = this.#parts;
    const { keptFor, durable } = this.#write;
    this.#ownerOf.set(self, keptFor ?? self);
    // Its owner has its stand-in: another one would cover nobody else.
    if (keptFor !== undefined) this.#replaced.add(keptFor);
    this.#tally.asked(self);
    void durable.then((stored) => {
      if (!stored.ok || !this.#parts.ring.mayAcknowledge()) this.#lost(self);
      else if (isFencedHere(this.#coordination, this.#parts)) this.#refused(self, this.#coordination.ring);
      else this.#acked(self, keptFor);
      this.#check();
    });
  }

  #ask(node: NodeId, standsInFor: NodeId | undefined): void {
    this.#ownerOf.set(node, standsInFor ?? node);
    this.#tally.asked(node);
    const keptFor = standsInFor === undefined ? [] : [standsInFor];
    const body = { position: this.#coordination.position, record: this.#write.record, keptFor };
    const terms = {
      timeoutMs: remainingMs(this.#coordination, this.#parts),
      lane: "foreground",
      planned: this.#coordination.ring,
    } as const;
    void offerToStore(node, body, terms, this.#parts).then((stored) => {
      if (stored === "not_sent") this.#notSent(node);
      else if ("status" in stored) this.#refused(node, stored.theirs);
      else if (stored.ok) this.#acked(node, standsInFor);
      else this.#lost(node);
      this.#check();
    });
  }

  #acked(node: NodeId, ownerId: NodeId | undefined): void {
    this.#tally.acked(node, ownerId);
    if (ownerId !== undefined)
      this.#parts.observer.event({ kind: "stand_in_used", ownerId, standInId: node });
  }

  /** It stays among those that are waited for until its ring is not to be had: a write that is planned anew is never over here. */
  #refused(node: NodeId, theirs: RingNumber): void {
    void this.#parts.ring.catchUp(node, theirs).then(() => {
      if (this.#finish !== undefined) this.#replanned = planAnew(this.#coordination, this.#parts);
      if (this.#replanned === undefined) this.#lost(node);
      else this.#finish?.();
      this.#check();
    });
  }

  #notSent(node: NodeId): void {
    if (this.#finish !== undefined && this.#parts.isHealthy(node)) this.#unsent.add(node);
    this.#lost(node);
  }

  #lost(node: NodeId): void {
    this.#tally.failed(node);
    if (this.#finish !== undefined && !this.#replaced.has(node)) this.#replace(node);
  }

  /**
   * Gives the record to the next healthy stand-in. Its hint names the owner, also where the node that it replaces was
   * a stand-in itself. False where nobody is left.
   */
  #replace(node: NodeId): boolean {
    const { fallbacks } = this.#coordination.routes.write;
    const left = fallbacks.filter((fallback) => !this.#ownerOf.has(fallback));
    const [next] = bestFirst(left, this.#coordination, this.#parts);
    const owner = this.#ownerOf.get(node);
    if (next === undefined || owner === undefined) return false;
    this.#replaced.add(node);
    this.#ask(next, owner);
    return true;
  }

  #double(node: NodeId): void {
    if (node === this.#parts.self || this.#replaced.has(node)) return;
    if (this.#replace(node)) this.#parts.observer.event({ kind: "hedge_sent", operation: "put" });
  }

  #hedgeLater(): void {
    const delayMs = Math.min(
      hedgeDelayMs("replicate", this.#parts),
      remainingMs(this.#coordination, this.#parts),
    );
    this.#timer = this.#parts.timers.after(Math.max(0, delayMs), () => {
      if (remainingMs(this.#coordination, this.#parts) <= 0) return this.#finish?.();
      for (const node of this.#tally.waiting) this.#double(node);
      this.#offerAgain();
      this.#hedgeLater();
    });
  }

  #offerAgain(): void {
    for (const node of this.#unsent) {
      this.#unsent.delete(node);
      const owner = this.#ownerOf.get(node);
      this.#ask(node, owner === node ? undefined : owner);
    }
  }

  #check(): void {
    const isOver = this.#tally.waitingCount === 0 && this.#unsent.size === 0;
    if (this.#finish === undefined) {
      if (isOver) this.#markMissed();
    } else if (this.#tally.reached || isOver) this.#finish();
  }

  /** At the answer, and when nothing can come any more: owners that have it nowhere, and from whom nothing can come. */
  #markMissed(): void {
    const { self, ownerMarks } = this.#parts;
    if (this.#tally.isWaitingFor(self)) return;
    let missed: NodeId[] | undefined;
    for (const owner of this.#coordination.routes.write.owners) {
      if (this.#tally.isCovered(owner) || this.#marked?.has(owner) || this.#isAwaitedFor(owner)) continue;
      (missed ??= []).push(owner);
    }
    if (missed === undefined) return;
    this.#marked ??= new Set();
    for (const owner of missed) this.#marked.add(owner);
    const { record, keptFor } = this.#write;
    const kept = { position: this.#coordination.position, record, isHint: keptFor !== undefined };
    ownerMarks.remember(missed, this.#tally.hasAcked(self) ? kept : undefined);
  }

  #isAwaitedFor(owner: NodeId): boolean {
    for (const [node, keptFor] of this.#ownerOf)
      if (keptFor === owner && this.#tally.isWaitingFor(node)) return true;
    return false;
  }
}
