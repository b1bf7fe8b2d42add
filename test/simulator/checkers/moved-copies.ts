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
  violated(kind: "flipped_too_early", detail: string): void;
  /** Writes were looked for at the owners that reads go to from now on. */
  checked(): void;
}

/**
 * Copies that a change of the ring moves: what W owners, and no stand-in, had acknowledged when its client heard of it is at the
 * flip held by so many of those who own from then on that any R of them include one. Were fewer enough, misplaced copies and
 * anti-entropy would bring the rest a little later, and only a read in between would miss it.
 *
 * Nothing is asked for where R + W ≤ N, which promises nothing, or where an owner's disk has lost copies.
 */
export class MoveLedger {
  readonly #facts: MoveFacts;
  readonly #acknowledged = new Map<string, Map<string, KnownDot>>();

  constructor(facts: MoveFacts) {
    this.#facts = facts;
  }

  /** A write was acknowledged by owners alone; see acknowledgements.ts. */
  acknowledged(key: string, dots: readonly KnownDot[]): void {
    const ofKey = this.#acknowledged.get(key) ?? new Map<string, KnownDot>();
    this.#acknowledged.set(key, ofKey);
    for (const known of dots) ofKey.set(nameOf(known.dot), known);
  }

  /** A majority is gone for good, and much with it. */
  forget(): void {
    this.#acknowledged.clear();
  }

  has(key: string, dot: Dot): boolean {
    return this.#acknowledged.get(key)?.has(nameOf(dot)) === true;
  }

  /** The first node serves a ring whose change has flipped. */
  flipped(setsOf: (key: string) => readonly (readonly NodeId[])[]): void {
    const { host, keys, hasLost, readQuorum, writeQuorum, violated, checked } = this.#facts;
    for (const key of keys()) {
      const [before, after] = setsOf(key);
      if (before === undefined || after === undefined) continue;
      const n = Math.max(before.length, after.length);
      if (readQuorum + writeQuorum <= n || [...before, ...after].some(hasLost)) continue;
      const copies = after.map((owner) => durableCopies(host(owner), key).data?.coverage);
      const needs = after.length - readQuorum + 1;
      for (const { dot, writeId } of this.#acknowledged.get(key)?.values() ?? []) {
        checked();
        const has = copies.filter((copy) => copy !== undefined && covers(copy, dot)).length;
        if (has >= needs) continue;
        const detail = `${key}: ${has} of ${after.length} owners from now on have ${writeId}, ${needs} must`;
        violated("flipped_too_early", detail);
      }
    }
  }
}
