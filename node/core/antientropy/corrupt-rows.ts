import type { NodeId } from "../node-id.ts";
import { partitionOf } from "../ring/position.ts";
import type { RingState } from "../ring/ring-state.ts";
import { compareBytes } from "../version/record.ts";
import { ExchangeStopped, noExchange } from "./exchange-report.ts";
import { PeerQuestions, type PeerQuestionsParts } from "./peer-questions.ts";
import { pullRecords, type RecordMovesParts } from "./record-moves.ts";
import { areOwners } from "./shared-partitions.ts";

/**
 * Rows of this node's that failed their check are fetched from co-owners: the tree does not show them, since it is made
 * of the digests that they once had. Each co-owner is asked in turn; where all of them have been asked and none has
 * the row, it is lost here and somebody must hear of it. What nobody answers for is tried again.
 */
export interface CorruptRowsParts extends PeerQuestionsParts, RecordMovesParts {
  readonly self: NodeId;
  readonly ring: RingState;
}

/** More are forgotten; the scrub finds them again. */
const ROWS_MAX = 4_096;
const FIRST_TRY_MS = 200;
const NEXT_TRY_MS = 15_000;
const REPAIR_MS_MAX = 60_000;

interface CorruptRow {
  readonly position: Uint8Array;
  /** Co-owners that have no sound copy either. */
  readonly askedInVain: Set<NodeId>;
}

export class CorruptRows {
  readonly #parts: CorruptRowsParts;
  readonly #rows = new Map<string, CorruptRow>();
  #disarm: () => void = () => undefined;
  #isRepairing = false;
  #isFoundMeanwhile = false;

  constructor(parts: CorruptRowsParts) {
    this.#parts = parts;
  }

  found(position: Uint8Array): void {
    const name = position.join();
    if (this.#rows.size >= ROWS_MAX || this.#rows.has(name)) return;
    // A copy: positions are views of messages.
    this.#rows.set(name, { position: position.slice(), askedInVain: new Set() });
    // The first of several: those that follow at once go along. A row that waits for its next try must not make new ones wait.
    if (this.#isFoundMeanwhile) return;
    this.#isFoundMeanwhile = true;
    if (!this.#isRepairing) this.#arm(FIRST_TRY_MS);
  }

  #arm(delayMs: number): void {
    this.#disarm();
    this.#disarm = this.#parts.timers.after(delayMs, () => void this.#try());
  }

  async #try(): Promise<void> {
    this.#isRepairing = true;
    this.#isFoundMeanwhile = false;
    await this.#repair();
    this.#isRepairing = false;
    if (this.#isFoundMeanwhile) this.#arm(FIRST_TRY_MS);
    else if (this.#rows.size > 0) this.#arm(NEXT_TRY_MS);
  }

  async #repair(): Promise<void> {
    if (this.#parts.ring.current() === undefined) return;
    const peers = new Set([...this.#rows.values()].flatMap((row) => this.#coOwnersOf(row)));
    for (const peer of [...peers].sort()) if (this.#parts.isConnected(peer)) await this.#fetchFrom(peer);
    for (const [name, row] of this.#rows) {
      if (!this.#coOwnersOf(row).every((peer) => row.askedInVain.has(peer))) continue;
      this.#rows.delete(name);
      this.#lost(row);
    }
  }

  async #fetchFrom(peer: NodeId): Promise<void> {
    const { ring, clock, observer } = this.#parts;
    const rows = [...this.#rows.values()].filter(
      (row) => this.#coOwnersOf(row).includes(peer) && !row.askedInVain.has(peer),
    );
    const epoch = ring.current()?.epoch ?? 0;
    const named = {
      peer,
      ring: { epoch, digest: ring.hash() },
      deadlineMs: clock.monotonicMs() + REPAIR_MS_MAX,
      isWanted: () => true,
    };
    const questions = new PeerQuestions(named, noExchange(), this.#parts);
    const positions = rows.map(({ position }) => position).sort(compareBytes);
    try {
      const pulled = await pullRecords(positions, questions, this.#parts, { rewrite: true });
      for (const position of [...pulled.missing, ...pulled.refused])
        this.#rows.get(position.join())?.askedInVain.add(peer);
      for (const position of pulled.stored) this.#rows.delete(position.join());
      if (pulled.stored.length > 0)
        observer.event({ kind: "corrupt_rows_repaired", peerId: peer, rows: pulled.stored.length });
    } catch (error) {
      if (!(error instanceof ExchangeStopped)) throw error;
      observer.event({ kind: "corrupt_rows_not_repaired", peerId: peer, reason: error.message });
    }
  }

  #lost({ position }: CorruptRow): void {
    const partition = this.#partitionOf(position);
    const isOwner = this.#parts.ring.preferenceList(partition).owners.includes(this.#parts.self);
    this.#parts.observer.event({ kind: "corrupt_row_lost", partition, isOwner });
  }

  /** None where this node does not own the row's partition: it is a misplaced copy, and the owners have theirs. */
  #coOwnersOf({ position }: CorruptRow): NodeId[] {
    const { ring, self } = this.#parts;
    if (ring.current() === undefined) return [];
    const partition = this.#partitionOf(position);
    const { owners } = ring.preferenceList(partition);
    return owners.filter((owner) => owner !== self && areOwners(ring, partition, self, owner));
  }

  #partitionOf(position: Uint8Array): number {
    return partitionOf(position, this.#parts.ring.current()?.parameters.partitions ?? 1);
  }
}
