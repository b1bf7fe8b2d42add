import type { NodeId } from "../node-id.ts";
import { compareBytes } from "../version/record.ts";
import type { Coordination, CoordinatorParts } from "./coordination.ts";
import { askToStore } from "./replica-calls.ts";
import type { ReadRoundResult } from "./read-round.ts";

/**
 * Brings the copies up to date that a get found stale or corrupt (Dynamo §5: read repair). It runs after the answer, merges and
 * never overwrites, and is bounded: what does not fit is dropped and counted, anti-entropy will find it.
 */
export class ReadRepair {
  readonly #parts: CoordinatorParts;
  #underWay = 0;

  constructor(parts: CoordinatorParts) {
    this.#parts = parts;
  }

  repairStale(round: ReadRoundResult, coordination: Coordination): void {
    const { merged } = round;
    if (merged === undefined) return;
    const { owners } = coordination.routes.read;
    for (const [node, vote] of round.votes) {
      if (vote.kind === "found" && compareBytes(vote.digest, merged.digest) === 0) continue;
      // An owner keeps a copy of its own, whatever it says; a stand-in keeps its hint, and without one owes nothing.
      if (owners.includes(node)) this.#begin(node, { bytes: merged.bytes, keptFor: [] }, coordination);
      else if (vote.kind === "found" && vote.keptFor.length > 0)
        this.#begin(node, { bytes: merged.bytes, keptFor: vote.keptFor }, coordination);
    }
    for (const node of round.corrupt) {
      if (owners.includes(node)) this.#begin(node, { bytes: merged.bytes, keptFor: [] }, coordination);
    }
  }

  #begin(node: NodeId, copy: Copy, coordination: Coordination): void {
    if (this.#underWay >= this.#parts.settings.readRepairsMax) {
      this.#parts.observer.event({ kind: "read_repair_dropped" });
      return;
    }
    this.#underWay += 1;
    void this.#repair(node, copy, coordination).then((ok) => {
      this.#underWay -= 1;
      this.#parts.observer.event({ kind: "read_repaired", peerId: node, ok });
    });
  }

  async #repair(node: NodeId, { bytes, keptFor }: Copy, { position, ring }: Coordination): Promise<boolean> {
    const body = { position, record: bytes, keptFor };
    if (node === this.#parts.self) return (await this.#parts.store.store(body)).ok;
    const terms = { timeoutMs: REPAIR_TIMEOUT_MS, lane: "bulk", planned: ring } as const;
    return (await askToStore(node, body, terms, this.#parts)).ok;
  }
}

const REPAIR_TIMEOUT_MS = 5_000;

interface Copy {
  readonly bytes: Uint8Array;
  /** The owners of a stand-in's hint; empty for an owner's copy. */
  readonly keptFor: readonly NodeId[];
}
