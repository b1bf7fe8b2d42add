import { type Coverage, includes, join } from "../../../node/core/version/coverage.ts";
import { isMarker } from "../../../node/core/storage/marker-hint.ts";
import type { Violation } from "../violation.ts";
import type { Changes } from "../world/simulated-disk.ts";
import type { SimulatedHost } from "../world/simulated-host.ts";
import { soundRecord } from "./sound-record.ts";

/**
 * I5, hints are delivered or kept: whatever ever was a hint on stable storage is owed to its owners, and nothing that
 * happens to the hint afterwards pays for it but the owner's own durable copy. Once all is quiet every debt must be
 * paid and no hint be left. Debts of a keeper or to an owner whose disk lost copies cannot be held against anybody.
 */
export class HintLedger {
  /** By keeper, owner and place: all that the keeper ever had for the owner there. */
  readonly #debts = new Map<string, Debt>();
  /** By place: when a copy that was kept for others was last removed. */
  readonly #removedMs = new Map<string, number>();

  /**
   * Rows that became durable in the keeper's hints.db, or were removed from it. A marker owes what the keeper has on
   * stable storage in its own data by then.
   */
  durable(host: SimulatedHost, changes: Changes, nowMs: number): void {
    for (const [place, row] of changes) {
      const before = host.disk.hints.rows.get(place);
      if (row === undefined && before !== undefined && !isMarker(before)) this.#removedMs.set(place, nowMs);
      if (row === undefined) continue;
      const coverage = isMarker(row) ? copyAt(host, place) : soundRecord(row)?.coverage;
      if (coverage === undefined) continue;
      for (const owner of row.keptFor) this.#owe({ keeper: host.id, owner, place, coverage });
    }
  }

  /** Whether a stand-in had a hint there that is gone since. */
  removedSince(place: string, sinceMs: number): boolean {
    return (this.#removedMs.get(place) ?? -1) >= sinceMs;
  }

  /** `copyOf`: what the owner has at the place, on stable storage in its own data. */
  unpaid(
    copyOf: (owner: string, place: string) => Coverage | undefined,
    isExcused: (node: string) => boolean,
  ): Omit<Violation, "atMs">[] {
    const found: Omit<Violation, "atMs">[] = [];
    for (const { keeper, owner, place, coverage } of this.#debts.values()) {
      if (isExcused(keeper) || isExcused(owner)) continue;
      const copy = copyOf(owner, place);
      if (copy !== undefined && includes(copy, coverage)) continue;
      const detail = `${keeper.slice(-2)} kept a record for ${owner.slice(-2)}, which never got all of it`;
      found.push({ kind: "hint_lost", detail });
    }
    return found;
  }

  #owe(debt: Debt): void {
    const name = `${debt.keeper} ${debt.owner} ${debt.place}`;
    const before = this.#debts.get(name);
    const coverage = before === undefined ? debt.coverage : join(before.coverage, debt.coverage);
    this.#debts.set(name, { ...debt, coverage });
  }
}

interface Debt {
  readonly keeper: string;
  readonly owner: string;
  readonly place: string;
  readonly coverage: Coverage;
}

/** Hints that could be delivered: rotten ones stay where they are. */
export function hintsLeft(host: SimulatedHost): number {
  let count = 0;
  for (const row of host.disk.hints.rows.values())
    if (isMarker(row) || soundRecord(row) !== undefined) count += 1;
  return count;
}

export function copyAt(host: SimulatedHost, place: string): Coverage | undefined {
  const row = host.disk.data.rows.get(place);
  return row === undefined ? undefined : soundRecord(row)?.coverage;
}
