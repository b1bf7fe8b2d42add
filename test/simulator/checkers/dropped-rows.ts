import type { NodeId } from "../../../node/core/node-id.ts";
import type { StoredRow } from "../../../node/core/ports/database.ts";
import { type Coverage, emptyCoverage, includes, join } from "../../../node/core/version/coverage.ts";
import type { Changes } from "../world/simulated-disk.ts";
import type { SimulatedHost } from "../world/simulated-host.ts";
import { soundRecord } from "./sound-record.ts";

export interface DropFacts {
  host(node: NodeId): SimulatedHost;
  hasLost(node: NodeId): boolean;
  /** Whom a place's writes go to by each ring that this node serves or served until a moment ago, and those that others serve. */
  ownersFor(dropper: NodeId, place: string): readonly (readonly NodeId[])[];
  violated(kind: "dropped_too_early", detail: string): void;
}

/**
 * A row that is gone from a disk was sealed, or misplaced: then everybody who owns it, before and after a change under way, durably
 * has all that it held. Anti-entropy would make up for one that had not, so that it cannot be asked for later; a node that
 * removes what it owns itself, and was not sealed, lacks it from then on.
 */
export class DropLedger {
  readonly #facts: DropFacts;

  constructor(facts: DropFacts) {
    this.#facts = facts;
  }

  /** To be called before the rows are in the file. */
  dataDurable({ id, disk }: SimulatedHost, changes: Changes): void {
    for (const [place, row] of changes) {
      const before = disk.data.rows.get(place);
      const dropped = row === undefined && before !== undefined ? soundRecord(before)?.coverage : undefined;
      if (dropped !== undefined) this.#dropped(id, place, dropped);
    }
  }

  #dropped(dropper: NodeId, place: string, dropped: Coverage): void {
    const { host, hasLost, ownersFor, violated } = this.#facts;
    const has = (node: NodeId): boolean => {
      if (hasLost(node)) return true;
      const { disk, forgotten } = host(node);
      // What is dropped is in the file until this returns.
      const copy = node === dropper ? emptyCoverage : coverageIn(disk.data.rows.get(place));
      return includes(join(copy, forgotten.get(place) ?? emptyCoverage), dropped);
    };
    const sets = ownersFor(dropper, place);
    if (hasLost(dropper) || sets.length === 0 || sets.some((owners) => owners.every(has))) return;
    const lacking = sets[0]!.filter((node) => !has(node)).map((node) => node.slice(-2));
    violated(
      "dropped_too_early",
      `${dropper.slice(-2)} drops a row, and ${lacking.join(" ")} has not got all of it`,
    );
  }
}

function coverageIn(row: StoredRow | undefined): Coverage {
  return (row && soundRecord(row)?.coverage) ?? emptyCoverage;
}
