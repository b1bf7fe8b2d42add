import type { NodeId } from "../node-id.ts";
import type { Stored } from "../ports/replica-store.ts";
import type { CancelTimer } from "../ports/timers.ts";
import { WriteTally } from "../quorum/write-tally.ts";
import type { QuorumMember } from "../ring/sloppy-quorum.ts";
import { type Coordination, type CoordinatorParts, hedgeDelayMs, remainingMs } from "./coordination.ts";
import { askToStore } from "./replica-calls.ts";

export interface ReplicatedWrite {
  readonly record: Uint8Array;
  readonly durable: Promise<Stored>;
  readonly members: readonly QuorumMember[];
  /** The owner that this node keeps it for; undefined where it is an owner itself. */
  readonly keptFor: NodeId | undefined;
}

/**
 * Sends one record to the nodes that shall keep it, and waits for W of them (Dynamo §4.5, §4.6). A node that is
 * lost is replaced at once, one that stays silent for the hedge delay is doubled, each by the next healthy stand-in,
 * which keeps the record with a hint for the owner it stands in for. Nobody is asked twice.
 */
export async function replicate(
  write: ReplicatedWrite,
  coordination: Coordination,
  parts: CoordinatorParts,
): Promise<WriteTally> {
  return new Replication(write, coordination, parts).run();
}

class Replication {
  readonly #write: ReplicatedWrite;
  readonly #coordination: Coordination;
  readonly #parts: CoordinatorParts;
  readonly #tally: WriteTally;
  /** Nodes that were asked or tried, this one included, each with the owner whose copy it shall keep. */
  readonly #ownerOf = new Map<NodeId, NodeId>();
  /** Targets that a stand-in has already doubled or replaced. */
  readonly #replaced = new Set<NodeId>();
  #timer: CancelTimer | undefined;
  #finish: (() => void) | undefined;

  constructor(write: ReplicatedWrite, coordination: Coordination, parts: CoordinatorParts) {
    this.#write = write;
    this.#coordination = coordination;
    this.#parts = parts;
    this.#tally = new WriteTally(coordination.quorum, coordination.preferenceList.owners);
  }

  run(): Promise<WriteTally> {
    return new Promise((resolve) => {
      this.#finish = () => {
        this.#timer?.();
        this.#finish = undefined;
        resolve(this.#tally);
      };
      this.#keepLocally();
      for (const { node, standsInFor } of this.#write.members) {
        if (node !== this.#parts.self) this.#ask(node, standsInFor);
      }
      this.#hedgeLater();
      this.#check();
    });
  }

  #keepLocally(): void {
    const { self } = this.#parts;
    this.#ownerOf.set(self, this.#write.keptFor ?? self);
    this.#tally.asked(self);
    void this.#write.durable.then((stored) => {
      if (stored.ok) this.#tally.acked(self, this.#ownerOf.get(self));
      else this.#tally.failed(self);
      this.#check();
    });
  }

  #ask(node: NodeId, standsInFor: NodeId | undefined): void {
    this.#ownerOf.set(node, standsInFor ?? node);
    this.#tally.asked(node);
    const keptFor = standsInFor === undefined ? [] : [standsInFor];
    if (standsInFor !== undefined) {
      this.#parts.observer.event({ kind: "stand_in_used", ownerId: standsInFor, standInId: node });
    }
    const body = { position: this.#coordination.position, record: this.#write.record, keptFor };
    const timeoutMs = remainingMs(this.#coordination, this.#parts);
    void askToStore(node, body, { timeoutMs, lane: "foreground" }, this.#parts).then((stored) => {
      if (stored.ok) this.#tally.acked(node, standsInFor);
      else this.#lost(node);
      this.#check();
    });
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
    const { fallbacks } = this.#coordination.preferenceList;
    const next = fallbacks.find(
      (fallback) => !this.#ownerOf.has(fallback) && this.#parts.isHealthy(fallback),
    );
    if (next === undefined) return false;
    this.#replaced.add(node);
    this.#ask(next, this.#ownerOf.get(node));
    return true;
  }

  #hedgeLater(): void {
    const delayMs = Math.min(
      hedgeDelayMs("replicate", this.#parts),
      remainingMs(this.#coordination, this.#parts),
    );
    this.#timer = this.#parts.timers.after(Math.max(0, delayMs), () => {
      if (remainingMs(this.#coordination, this.#parts) <= 0) return this.#finish?.();
      for (const node of this.#tally.waiting) {
        if (node === this.#parts.self || this.#replaced.has(node)) continue;
        if (this.#replace(node)) this.#parts.observer.event({ kind: "hedge_sent", operation: "put" });
      }
      this.#hedgeLater();
    });
  }

  #check(): void {
    if (this.#tally.reached || this.#tally.waiting.length === 0) this.#finish?.();
  }
}
