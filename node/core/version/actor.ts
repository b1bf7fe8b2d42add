import type { ActorId, Dot } from "./dot.ts";
import { type Coverage, highestOf } from "./coverage.ts";

/**
 * Who mints dots. An actor is `<database actor>#<epoch>`:
 *
 * - the database actor is 64 random bits, drawn at every start of the process and after every failed commit. A lost,
 *   restored or rolled-back disk can then never make this node repeat a dot, nor can a dot that left for the peers
 *   before its commit failed;
 * - the epoch is drawn from memory for each key whose row does not remember that this process coordinated it. A
 *   row that was lost, collected or handed away and came back from a peer starts a new epoch, never an old counter.
 *
 * A counter that is merely never reused is not enough (research: schemes C–E lose writes, this one does not).
 */
export class ActorMint {
  #databaseActor: string;
  #lastEpoch = 0;

  /** `databaseActor`: 16 hex digits. */
  constructor(databaseActor: string) {
    this.#databaseActor = databaseActor;
  }

  /** After a failed commit: what was minted may be known to peers and not to the disk. */
  renew(databaseActor: string): void {
    this.#databaseActor = databaseActor;
    this.#lastEpoch = 0;
  }

  /**
   * The next dot for a row. `mine` is the actor that the row remembers (empty where none), `coverage` the row's
   * coverage, `seen` what the client was shown. A remembered actor is not trusted where the row's coverage does not
   * know it, nor where the client has seen more of it: either way the row has forgotten something.
   */
  nextDot({ mine, coverage, seen }: { mine: string; coverage: Coverage; seen: Coverage }): Dot {
    if (mine.startsWith(`${this.#databaseActor}#`)) {
      const actor = mine as ActorId;
      const n = highestOf(coverage, actor);
      if (n > 0 && n < COUNTER_MAX && highestOf(seen, actor) <= n) return { actor, n: n + 1 };
    }
    for (;;) {
      this.#lastEpoch += 1;
      const actor = `${this.#databaseActor}#${this.#lastEpoch}` as ActorId;
      // A peer that names an epoch which was never drawn is broken or lies; its record may not stop this node.
      if (highestOf(coverage, actor) === 0 && highestOf(seen, actor) === 0) return { actor, n: 1 };
    }
  }
}

/** Nobody gets there by counting. Beyond it a counter would not be a safe integer any more. */
const COUNTER_MAX = Number.MAX_SAFE_INTEGER - 1;
