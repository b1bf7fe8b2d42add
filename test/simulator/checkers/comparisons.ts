import type { NodeId } from "../../../node/core/node-id.ts";
import type { CoreEvent } from "../../../node/core/ports/observer.ts";
import type { PreferenceList } from "../../../node/core/ring/ring.ts";
import { type Coverage, emptyCoverage, includes } from "../../../node/core/version/coverage.ts";
import type { Changes } from "../world/simulated-disk.ts";
import type { SimulatedHost } from "../world/simulated-host.ts";
import { durableCopies, placeOfKey } from "./durable-copies.ts";
import { soundRecord } from "./sound-record.ts";

export interface ComparisonFacts {
  host(node: NodeId): SimulatedHost;
  keys(): readonly string[];
  preferenceList(key: string): PreferenceList;
  /** Whether rows or leaves of this node's disk were lost or spoilt. */
  isSpoilt(node: NodeId): boolean;
  violated(kind: "compared_and_left", detail: string): void;
  /** Two copies of a key, neither of which had all that the other had, were compared. */
  concurrent(): void;
}

type Exchanged = Extract<CoreEvent, { kind: "antientropy_exchanged" }>;

/**
 * An exchange that says that it left nothing to do (antientropy/exchange.ts, its invariant): whoever began it has on its
 * disk all that the peer had on its own when it began. Sooner or later hints, reads or a third owner would bring it too,
 * so that convergence says little of the exchange.
 */
export class ComparisonLedger {
  readonly #facts: ComparisonFacts;
  /** By host and place: what the row covered from when on, in the order of time. */
  readonly #durable = new Map<
    NodeId,
    Map<string, { readonly atMs: number; readonly coverage: Coverage }[]>
  >();

  constructor(facts: ComparisonFacts) {
    this.#facts = facts;
  }

  /** These rows of data.db are on stable storage. */
  dataDurable({ id }: SimulatedHost, changes: Changes, nowMs: number): void {
    const ofHost = this.#durable.get(id) ?? new Map<string, { atMs: number; coverage: Coverage }[]>();
    this.#durable.set(id, ofHost);
    for (const [place, row] of changes) {
      const coverage = row === undefined ? undefined : soundRecord(row)?.coverage;
      const entry = { atMs: nowMs, coverage: coverage ?? emptyCoverage };
      const entries = ofHost.get(place);
      if (entries === undefined) ofHost.set(place, [entry]);
      else entries.push(entry);
    }
  }

  exchanged(self: NodeId, { peerId, outcome, durationMs, ...report }: Exchanged, nowMs: number): void {
    const peer = peerId as NodeId;
    if ((outcome !== "equal" && outcome !== "repaired") || this.#isExcused(self, peer)) return;
    const sinceMs = nowMs - durationMs * CLOCK_MARGIN;
    const movedBothWays = report.recordsPulled > 0 && report.recordsPushed > 0;
    for (const key of this.#facts.keys()) {
      const { owners } = this.#facts.preferenceList(key);
      if (!owners.includes(self) || !owners.includes(peer)) continue;
      const theirs = this.#coverageAt(peer, key, sinceMs);
      const ours = this.#coverageAt(self, key, sinceMs);
      if (movedBothWays && !includes(ours, theirs) && !includes(theirs, ours)) this.#facts.concurrent();
      const copy = durableCopies(this.#facts.host(self), key).data;
      if (includes(copy?.coverage ?? emptyCoverage, theirs)) continue;
      const detail = `${self.slice(-2)} has compared all with ${peer.slice(-2)} (${outcome}) and lacks some of its ${key}`;
      this.#facts.violated("compared_and_left", detail);
    }
  }

  #isExcused(self: NodeId, peer: NodeId): boolean {
    return this.#facts.isSpoilt(self) || this.#facts.isSpoilt(peer);
  }

  #coverageAt(node: NodeId, key: string, atMs: number): Coverage {
    const entries = this.#durable.get(node)?.get(placeOfKey(key)) ?? [];
    return entries.findLast((entry) => entry.atMs <= atMs)?.coverage ?? emptyCoverage;
  }
}

/** The node's own clock says how long it took; it may be off by more than any drift that is drawn. */
const CLOCK_MARGIN = 1.01;
