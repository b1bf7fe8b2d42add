import { covers } from "../../../node/core/version/coverage.ts";
import type { NodeId } from "../../../node/core/node-id.ts";
import type { PreferenceList } from "../../../node/core/ring/ring.ts";
import type { KnownDot } from "../workload/dot-registry.ts";
import type { SimulatedHost } from "../world/simulated-host.ts";
import { durableCopies } from "./durable-copies.ts";

/** What it needs to know of the cluster. */
export interface LossFacts {
  hosts(): readonly SimulatedHost[];
  host(node: NodeId): SimulatedHost;
  keys(): readonly string[];
  dotsOf(key: string): readonly KnownDot[];
  preferenceList(key: string): PreferenceList;
  hasLost(node: NodeId): boolean;
  /** Digest of the latest ring that is served: by another one others own what was lost, and other copies count. */
  ringNow(): string;
  /** Whether all nodes were up, connected and undisturbed for so long. */
  isCalmSince(durationMs: number): boolean;
  /** Whether a tree of this node's was wrong: it may have been found equal where rows are not. */
  isTreeSpoilt(node: NodeId): boolean;
  violated(kind: "whole_too_early", detail: string): void;
  /** Something that a node lost was looked for where it says that it is whole. */
  checked(): void;
}

/**
 * I13, the other half: a replica that lost its data is no vote for R until it has everything back. So what was promised
 * of it before the loss stays promised: where N-R+1 owners held a write, the one that lost it among them, a read
 * of R voters still shows it. Where its database was emptied it must know that by itself; where an older one was
 * put back somebody must be there who remembers, so that is asked only while all others have been up all the time.
 */
export class LossLedger {
  readonly #facts: LossFacts;
  /** By key: what the owner held in the moment before its loss, and how many owners held it then. */
  readonly #promises = new Map<string, LostDot[]>();
  /** Hosts that lost single rows: nobody can notice that, but by and by a scrub. */
  readonly #gnawed = new Set<NodeId>();

  constructor(facts: LossFacts) {
    this.#facts = facts;
  }

  /** A host loses its data.db in this moment. */
  loses(loser: NodeId, how: LostDot["how"]): void {
    const { host, keys, dotsOf, preferenceList } = this.#facts;
    if (how === "rolled back") this.#knowledgeLost(loser);
    for (const key of keys()) {
      const { owners } = preferenceList(key);
      if (!owners.includes(loser)) continue;
      const copies = owners.map((owner) => ({ owner, copy: durableCopies(host(owner), key).data }));
      for (const known of dotsOf(key)) {
        const holders = copies
          .filter(({ copy }) => copy !== undefined && covers(copy.coverage, known.dot))
          .map(({ owner }) => owner);
        if (!holders.includes(loser) || holders.length < 2) continue;
        const promises = this.#promises.get(key);
        const lost = { known, how, loser, holders, ring: this.#facts.ringNow() };
        if (promises === undefined) this.#promises.set(key, [lost]);
        else promises.push(lost);
      }
    }
  }

  /** What it knew of earlier losses was in the database that an older one takes the place of. */
  #knowledgeLost(loser: NodeId): void {
    for (const [key, promises] of this.#promises) {
      const forgotten = promises.map((lost) =>
        lost.loser === loser ? { ...lost, how: "rolled back" as const } : lost,
      );
      this.#promises.set(key, forgotten);
    }
  }

  /** A host loses a row, or one rots. */
  gnaws(host: NodeId): void {
    this.#gnawed.add(host);
  }

  /**
   * A node says that it has everything back: then it has what it lost and a co-owner that lost nothing had all the time.
   * A vote that is wrong in between is seldom asked for before hints or another comparison have brought the rest.
   */
  recovered(loser: NodeId): void {
    const { host, hasLost, isTreeSpoilt, violated, checked } = this.#facts;
    if (this.#gnawed.has(loser) || isTreeSpoilt(loser)) return;
    for (const [key, promises] of this.#promises) {
      const copy = durableCopies(host(loser), key).data;
      for (const { known, holders, loser: whose, ring } of promises) {
        const keepers = holders.filter((holder) => !hasLost(holder) && !isTreeSpoilt(holder));
        if (whose !== loser || keepers.length === 0 || ring !== this.#facts.ringNow()) continue;
        checked();
        if (copy !== undefined && covers(copy.coverage, known.dot)) continue;
        const from = keepers.map((keeper) => keeper.slice(-2)).join(" ");
        const detail = `${loser.slice(-2)} is whole and lacks ${known.writeId} of ${key}, which ${from} had`;
        violated("whole_too_early", detail);
      }
    }
  }

  /** What a read of this key that begins now must show, although an owner has lost it. */
  promised(key: string, enough: number): KnownDot[] {
    const { hosts, hasLost, isCalmSince, preferenceList } = this.#facts;
    const lost = this.#promises.get(key);
    if (lost === undefined) return [];
    const losers = preferenceList(key).owners.filter(hasLost);
    // Of two that lost something, each may have had it from the other.
    if (losers.length > 1 || losers.some((owner) => this.#gnawed.has(owner))) return [];
    return lost
      .filter(({ holders, how, loser, ring }) => {
        if (ring !== this.#facts.ringNow()) return false;
        const isRemembered = hosts().every(
          ({ id, incarnation }) => id === loser || incarnation?.number === 1,
        );
        return holders.length >= enough && (how === "emptied" || (isRemembered && isCalmSince(CALM_MS)));
      })
      .map(({ known }) => known);
  }
}

/** In which everybody has told a node that came back what it acknowledged. */
const CALM_MS = 3_000;

interface LostDot {
  readonly known: KnownDot;
  readonly loser: NodeId;
  readonly how: "emptied" | "rolled back";
  /** Owners that held it, the loser included. */
  readonly holders: readonly NodeId[];
  readonly ring: string;
}
