import type { NodeId } from "../../../node/core/node-id.ts";
import type { StoredRow } from "../../../node/core/ports/database.ts";
import { isMarker } from "../../../node/core/storage/marker-hint.ts";
import { type Coverage, emptyCoverage, includes, join } from "../../../node/core/version/coverage.ts";
import type { Changes } from "../world/simulated-disk.ts";
import type { SimulatedHost } from "../world/simulated-host.ts";
import { soundRecord } from "./sound-record.ts";

export interface HintFacts {
  host(node: NodeId): SimulatedHost;
  /** Whether this node's disk has lost copies. */
  hasLost(node: NodeId): boolean;
  /** The owners by each ring that this node served lately: one set, or those before and after a change that moves the place. None where no ring changes. */
  setsLately(keeper: NodeId, place: string): readonly (readonly (readonly NodeId[])[])[];
  violated(kind: "hint_lost", detail: string): void;
}

/**
 * I5, hints are delivered or kept: at the moment at which a keeper strikes an owner off a hint on stable storage, the
 * owner's own disk must have all that the hint held; of a marker, all that the keeper's own data held when the owner was
 * struck off. So must whoever gains the place, where a change moves it from the owner and others; of a former owner, all that own it.
 * Anti-entropy would make up for a hint that was lost, so that it cannot be asked for later.
 */
export class HintLedger {
  readonly #facts: HintFacts;
  /** By place: when a copy that was kept for others was last removed. */
  readonly #removedMs = new Map<string, number>();
  /** By host: what its latest commit of data.db changed, as it was before. */
  readonly #lastCommit = new Map<NodeId, { atMs: number; before: Map<string, StoredRow | undefined> }>();
  readonly #committingMs = new Map<NodeId, number>();

  constructor(facts: HintFacts) {
    this.#facts = facts;
  }

  /** A commit begins at this host, of either database. */
  committing({ id }: SimulatedHost, nowMs: number): void {
    this.#committingMs.set(id, nowMs);
  }

  /** To be called before the rows are in the file. */
  dataDurable({ id, disk }: SimulatedHost, changes: Changes, nowMs: number): void {
    const before = new Map([...changes.keys()].map((place) => [place, disk.data.rows.get(place)]));
    this.#lastCommit.set(id, { atMs: nowMs, before });
  }

  /** The same of hints.db. */
  hintsDurable(keeper: SimulatedHost, changes: Changes, nowMs: number): void {
    for (const [place, row] of changes) {
      const before = keeper.disk.hints.rows.get(place);
      if (before === undefined) continue;
      if (row === undefined && !isMarker(before)) this.#removedMs.set(place, nowMs);
      const owed = isMarker(before) ? this.#ownCopy(keeper, place) : soundRecord(before)?.coverage;
      for (const owner of before.keptFor) {
        if (owed === undefined || row?.keptFor.includes(owner) === true) continue;
        this.#struckOff(owed, { keeper, owner: this.#facts.host(owner as NodeId), place });
      }
    }
  }

  /** Whether a stand-in had a hint there that is gone since. */
  removedSince(place: string, sinceMs: number): boolean {
    return (this.#removedMs.get(place) ?? -1) >= sinceMs;
  }

  #struckOff(
    owed: Coverage,
    { keeper, owner, place }: { keeper: SimulatedHost; owner: SimulatedHost; place: string },
  ): void {
    if (this.#facts.hasLost(keeper.id)) return;
    const lacks = (id: NodeId): boolean => {
      const host = this.#facts.host(id);
      const copy = copyAt(host, place) ?? emptyCoverage;
      const has = includes(join(copy, host.forgotten.get(place) ?? emptyCoverage), owed);
      return !has && !this.#facts.hasLost(id);
    };
    const sets = this.#facts.setsLately(keeper.id, place);
    const demanded = sets.length === 0 ? [[owner.id]] : sets.map((each) => mustHave(owner.id, each));
    const lacking = demanded.map((nodes) => nodes.filter(lacks));
    if (lacking.some((nodes) => nodes.length === 0)) return;
    const who = lacking
      .at(-1)!
      .map((id) => id.slice(-2))
      .join(" ");
    const detail = `${keeper.id.slice(-2)} strikes ${owner.id.slice(-2)} off a hint, of which ${who} has not got all`;
    this.#facts.violated("hint_lost", detail);
  }

  /**
   * What the keeper's data held before the batch in which the owner was struck off: what the same batch wrote later is
   * not owed by this hint. A batch commits its data and then, at once, its hints.
   */
  #ownCopy(keeper: SimulatedHost, place: string): Coverage | undefined {
    const last = this.#lastCommit.get(keeper.id);
    const isSameBatch =
      last !== undefined && Math.abs((this.#committingMs.get(keeper.id) ?? 0) - last.atMs) < SAME_BATCH_MS;
    if (!isSameBatch || !last.before.has(place)) return copyAt(keeper, place);
    const row = last.before.get(place);
    return row === undefined ? undefined : soundRecord(row)?.coverage;
  }
}

function mustHave(
  owner: NodeId,
  [before = [], after = []]: readonly (readonly NodeId[])[],
): readonly NodeId[] {
  if (before.includes(owner)) return [owner, ...after.filter((id) => !before.includes(id))];
  return after.includes(owner) ? [owner] : [...before, ...after];
}

/** Between the end of one commit of a job and the begin of the next; a new job begins later. */
const SAME_BATCH_MS = 1e-4;

/** Hints that could be delivered: rotten ones stay where they are. */
export function hintsLeft(host: SimulatedHost): number {
  return deliverableHints(host).length;
}

/** Of those, whom they are kept for: the ends of their ids, each once. */
export function hintOwners(host: SimulatedHost): readonly string[] {
  return [
    ...new Set(deliverableHints(host).flatMap(({ keptFor }) => keptFor.map((id) => id.slice(-2)))),
  ].sort();
}

function deliverableHints({ disk }: SimulatedHost): readonly StoredRow[] {
  return [...disk.hints.rows.values()].filter((row) => isMarker(row) || soundRecord(row) !== undefined);
}

function copyAt(host: SimulatedHost, place: string): Coverage | undefined {
  const row = host.disk.data.rows.get(place);
  return row === undefined ? undefined : soundRecord(row)?.coverage;
}
