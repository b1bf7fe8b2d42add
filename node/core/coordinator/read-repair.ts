import type { NodeId } from "../node-id.ts";
import { compareBytes } from "../version/record.ts";
import type { Coordination, CoordinatorParts } from "./coordination.ts";
import { askToStore } from "./replica-calls.ts";
import type { ReadRoundResult } from "./read-round.ts";
import type { Vote } from "../quorum/read-tally.ts";

/**
 * Brings the copies up to date that a get found stale (Dynamo §5: read repair). It runs after the answer, merges and
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
    const { owners } = coordination.preferenceList;
    for (const [node, vote] of round.votes) {
      if (vote.kind === "found" && compareBytes(vote.digest, merged.digest) === 0) continue;
      // A stand-in that has nothing owes nothing: only owners and holders of hints are repaired.
      if (vote.kind === "not_found" && !owners.includes(node)) continue;
      if (this.#underWay >= this.#parts.settings.readRepairsMax) {
        this.#parts.observer.event({ kind: "read_repair_dropped" });
        continue;
      }
      this.#underWay += 1;
      void this.#repair(node, { bytes: merged.bytes, keptFor: ownersOf(vote) }, coordination).then((ok) => {
        this.#underWay -= 1;
        this.#parts.observer.event({ kind: "read_repaired", peerId: node, ok });
      });
    }
  }

  async #repair(
    node: NodeId,
    { bytes, keptFor }: { bytes: Uint8Array; keptFor: readonly NodeId[] },
    { position }: Coordination,
  ): Promise<boolean> {
    const body = { position, record: bytes, keptFor };
    if (node === this.#parts.self) return (await this.#parts.store.store(body)).ok;
    return (await askToStore(node, body, { timeoutMs: REPAIR_TIMEOUT_MS, lane: "bulk" }, this.#parts)).ok;
  }
}

const REPAIR_TIMEOUT_MS = 5_000;

function ownersOf(vote: Vote): readonly NodeId[] {
  return vote.kind === "found" ? vote.keptFor : [];
}
