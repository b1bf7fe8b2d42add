import type { Clock } from "../ports/clock.ts";
import type { Digester } from "../ports/hash.ts";
import type { HintPlace } from "../ports/hint-store.ts";
import type { Stored } from "../ports/replica-store.ts";
import { forgetOwner } from "./forget-hint.ts";
import type { HintBudget } from "./hint-budget.ts";
import { withOwners } from "./marker-hint.ts";
import { mendedHint } from "./mend-hint.ts";
import { type Batch, stored } from "./write-batch.ts";
import type { WriteCommand } from "./write-codec.ts";

/** Between two times that hints.db's indexes are made anew for places without a row, which reads all of the file. */
const REBUILD_PAUSE_MS = 60_000;

/** What a batch does to hints that is no record: who has yet to get one, and what becomes of a rotten one. */
export class HintChanges {
  readonly #parts: { readonly hash: Digester; readonly clock: Clock };
  readonly #budget: HintBudget;
  /** See #mayRebuild. */
  #rebuildNotBeforeMs = 0;

  constructor(parts: { readonly hash: Digester; readonly clock: Clock }, budget: HintBudget) {
    this.#parts = parts;
    this.#budget = budget;
  }

  changeOwners(batch: Batch, command: Extract<WriteCommand, { kind: "forget" | "mark" }>): Stored {
    const { position } = command.kind === "mark" ? command.missed : command.hint;
    const before = batch.hints.readOwn(position, this.#parts.hash);
    const after =
      command.kind === "mark"
        ? withOwners(before, command.missed, this.#parts.hash)
        : forgetOwner(before, batch.data.read(position), command.hint, this.#parts.hash);
    if (after === before) return stored;
    const refusal = command.kind === "mark" ? this.#budget.refusalOf(before, after!, "marker") : undefined;
    if (refusal === undefined) batch.hints.replace(before, after);
    else batch.hintsRefused += 1;
    return refusal ?? stored;
  }

  mend(batch: Batch, place: HintPlace): Stored {
    const { hash } = this.#parts;
    let before = batch.hints.readOwn(place.position, hash);
    if (before === undefined && this.#mayRebuild()) {
      batch.hints.rebuildIndexes();
      before = batch.hints.readOwn(place.position, hash);
    }
    if (before === undefined) return stored;
    const { after, isLost } = mendedHint(before, batch.data.read(place.position), place, hash);
    batch.hints.replace(before, after, true);
    if (!isLost) return stored;
    const message = "the hint failed its check, and its owner was struck off";
    return { ok: false, code: "hint_lost", message };
  }

  /**
   * An index names a place for an owner, and no row is there: so a reader says, whose page on the disk may be another than
   * the one in the writer's memory. Not for each such place of a page that rotted: after the first one they are told anew.
   */
  #mayRebuild(): boolean {
    const nowMs = this.#parts.clock.monotonicMs();
    if (nowMs < this.#rebuildNotBeforeMs) return false;
    this.#rebuildNotBeforeMs = nowMs + REBUILD_PAUSE_MS;
    return true;
  }
}
