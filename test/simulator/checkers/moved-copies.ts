import type { NodeId } from "../../../node/core/node-id.ts";
import type { Dot } from "../../../node/core/version/dot.ts";
import { covers } from "../../../node/core/version/coverage.ts";
import type { KnownDot } from "../workload/dot-registry.ts";
import { nameOf } from "../workload/dot-registry.ts";
import type { SimulatedHost } from "../world/simulated-host.ts";
import { durableCopies } from "./durable-copies.ts";

export interface MoveFacts {
  readonly readQuorum: number;
  readonly writeQuorum: number;
  host(node: NodeId): SimulatedHost;
  keys(): readonly string[];
  hasLost(node: NodeId): boolean;
  violated(kind: "flipped_too_early" | "acknowledged_by_too_few_owners", detail: string): void;
  /** Writes were looked for at the owners that reads go to from now on. */
  checked(): void;
}

/**
 * Copies that a change of the ring moves: what W owners, and no stand-in, acknowledged is held by so many of those that reads go
 * to that any R of them include one. So it is when the client hears of it, and at the flip, when reads begin to go elsewhere. Were
 * fewer enough, misplaced copies and anti-entropy would bring the rest a little later, and only a read in between would miss it.
 *
 * Nothing is asked for where R + W ≤ N, which promises nothing, where an owner's disk has lost copies, or once a
 * majority was lost.
 */
export class MoveLedger {
  readonly #facts: MoveFacts;
  readonly #acknowledged = new Map<string, Map<string, KnownDot>>();
  #isOver = false;

  constructor(facts: MoveFacts) {
    this.#facts = facts;
  }

  /** A client hears that owners have acknowledged its write; `owners`: those that reads go to by the latest ring. */
  acknowledged(key: string, known: KnownDot, owners: readonly NodeId[]): void {
    const ofKey = this.#acknowledged.get(key) ?? new Map<string, KnownDot>();
    this.#acknowledged.set(key, ofKey);
    ofKey.set(nameOf(known.dot), known);
    this.#look("acknowledged_by_too_few_owners", { key, known, before: owners, after: owners });
  }

  /** A majority is gone for good, and much with it. */
  end(): void {
    this.#acknowledged.clear();
    this.#isOver = true;
  }

  has(key: string, dot: Dot): boolean {
    return this.#acknowledged.get(key)?.has(nameOf(dot)) === true;
  }

  /** The first node serves a ring whose change has flipped. */
  flipped(setsOf: (key: string) => readonly (readonly NodeId[])[]): void {
    for (const key of this.#facts.keys()) {
      const [before, after] = setsOf(key);
      if (before === undefined || after === undefined) continue;
      for (const known of this.#acknowledged.get(key)?.values() ?? []) {
        this.#facts.checked();
        this.#look("flipped_too_early", { key, known, before, after });
      }
    }
  }

  #look(
    kind: "flipped_too_early" | "acknowledged_by_too_few_owners",
    {
      key,
      known,
      before,
      after,
    }: { key: string; known: KnownDot } & Record<"before" | "after", readonly NodeId[]>,
  ): void {
    const { host, hasLost, readQuorum, writeQuorum, violated } = this.#facts;
    const n = Math.max(before.length, after.length);
    if (this.#isOver || readQuorum + writeQuorum <= n || [...before, ...after].some(hasLost)) return;
    const holders = after.filter((owner) => {
      const copy = durableCopies(host(owner), key).data;
      return copy !== undefined && covers(copy.coverage, known.dot);
    });
    const needs = after.length - readQuorum + 1;
    if (holders.length >= needs) return;
    const detail = `${key}: ${holders.length} of ${after.length} owners that are read have ${known.writeId}, ${needs} must`;
    violated(kind, detail);
  }
}
