import type { Database, StoredRow } from "../ports/database.ts";
import type { Stored } from "../ports/replica-store.ts";

/**
 * How much this node keeps for others: a long absence of a busy owner must not fill the disk of its stand-ins. Beyond
 * the limit new copies are refused, loudly, and the coordinator asks the next stand-in; what is kept stays, and is
 * handed over as ever. Markers are tiny and have no other place, so that they get a tenth more.
 *
 * The file is measured once in a batch, at its first change; what the batch adds is estimated.
 */
type Refusal = Extract<Stored, { ok: false }>;

export class HintBudget {
  readonly #hints: Database;
  readonly #bytesMax: number;
  #usedBytes: number | undefined;
  #refusal: Refusal | undefined;

  constructor(hints: Database, bytesMax: number) {
    this.#hints = hints;
    this.#bytesMax = bytesMax;
  }

  startBatch(): void {
    this.#usedBytes = undefined;
    this.#refusal = undefined;
  }

  /** Undefined where `after` may take the place of `before`: from then on it counts as written. */
  refusalOf(before: StoredRow | undefined, after: StoredRow, kind: "copy" | "marker"): Refusal | undefined {
    const growth = bytesOf(after) - (before === undefined ? 0 : bytesOf(before));
    if (growth <= 0) return undefined;
    this.#usedBytes ??= this.#hints.usedBytes();
    if (this.#usedBytes + growth > (kind === "marker" ? MARKER_SHARE : 1) * this.#bytesMax)
      return this.#full();
    this.#usedBytes += growth;
    return undefined;
  }

  /** One object a batch, so that neighbours with it become one run. */
  #full(): Refusal {
    const message =
      `this node keeps ${this.#usedBytes ?? 0} bytes for owners that are away (limit ${this.#bytesMax}); bring them ` +
      "back, or raise hint-bytes-max";
    this.#refusal ??= { ok: false, code: "hints_full", message };
    return this.#refusal;
  }
}

const MARKER_SHARE = 1.1;
/** Position, digest, index entries and what SQLite adds to a row. */
const ROW_BYTES = 160;
/** A UUID and a space, in the row and in its index. */
const OWNER_BYTES = 74;

function bytesOf({ record, mine, keptFor }: StoredRow): number {
  return ROW_BYTES + record.length + mine.length + OWNER_BYTES * keptFor.length;
}
