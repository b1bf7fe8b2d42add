import type { NodeId } from "../node-id.ts";
import {
  compareStamps,
  type MemberEntry,
  NUMBER_MAX,
  type OwnDescription,
  type Stamp,
  stampOf,
} from "./member-entry.ts";

/**
 * What this node knows of all nodes, itself included: one entry an author, the latest that ever came by. Pure: gossip.ts
 * carries it from node to node.
 *
 * Invariant: an entry is only ever replaced by a later one of its author, so tables that have exchanged everything are
 * equal, whatever the order. This node alone writes about itself: where a peer remembers a later state of it, from a
 * process before this one whose clock was ahead, this process goes above that and never takes it over.
 *
 * Bounded: members of the ring, and as many others as `STRANGERS_MAX`; of these the latest to start are kept.
 */
export interface MemberTableParts {
  readonly self: NodeId;
  /** Of this process start: its wall clock, at least 1. */
  readonly incarnation: number;
  readonly isMember: (id: NodeId) => boolean;
}

/**
 * Room for nodes that are about to join, or have left: for as many as one change can name (ring/change/change-request.ts), and for
 * those that are to be formed into a ring, before which nobody is a member. 200 to 400 bytes each as a rule, 4 KiB at most.
 */
export const STRANGERS_MAX = 512;

export interface Differences {
  /** What they lack, or have in an older state. */
  readonly news: readonly MemberEntry[];
  /** What they have in a later state than this node. */
  readonly wanted: readonly NodeId[];
}

export class MemberTable {
  readonly #parts: MemberTableParts;
  readonly #others = new Map<NodeId, MemberEntry>();
  #own: MemberEntry;

  constructor(parts: MemberTableParts, about: OwnDescription) {
    this.#parts = parts;
    const incarnation = Math.max(1, Math.floor(parts.incarnation));
    this.#own = { id: parts.self, incarnation, version: 1, ...about };
  }

  own(): MemberEntry {
    return this.#own;
  }

  /** This node is like this now; a new version where that is a change. */
  describeSelf(about: OwnDescription): void {
    const { id, incarnation, version } = this.#own;
    const next = { id, incarnation, version, ...about };
    if (JSON.stringify(next) === JSON.stringify(this.#own)) return;
    this.#own = { ...next, version: version + 1 };
  }

  /** Undefined where nothing has been heard of that node. */
  get(id: NodeId): MemberEntry | undefined {
    return id === this.#parts.self ? this.#own : this.#others.get(id);
  }

  /** This node's own first. */
  entries(): MemberEntry[] {
    return [this.#own, ...this.#others.values()];
  }

  stamps(): Stamp[] {
    return this.entries().map(stampOf);
  }

  /** Holds a peer's stamps against this table. */
  compare(theirs: readonly Stamp[]): Differences {
    const known = new Map(theirs.map((stamp) => [stamp[0], stamp]));
    for (const stamp of theirs) if (stamp[0] === this.#parts.self) this.#goAbove(stamp);
    const news = this.entries().filter((entry) => {
      const stamp = known.get(entry.id);
      return stamp === undefined || compareStamps(stampOf(entry), stamp) > 0;
    });
    const wanted = theirs.filter((stamp) => {
      if (stamp[0] === this.#parts.self) return false;
      const entry = this.#others.get(stamp[0]);
      return entry === undefined ? this.#hasRoomFor(stamp) : compareStamps(stamp, stampOf(entry)) > 0;
    });
    return { news, wanted: wanted.map(([id]) => id) };
  }

  /** Takes over what is later than what it has; returns that. */
  merge(entries: readonly MemberEntry[]): MemberEntry[] {
    const accepted: MemberEntry[] = [];
    for (const entry of entries) {
      const stamp = stampOf(entry);
      if (entry.id === this.#parts.self) {
        this.#goAbove(stamp);
        continue;
      }
      const known = this.#others.get(entry.id);
      if (known === undefined ? !this.#hasRoomFor(stamp) : compareStamps(stamp, stampOf(known)) <= 0)
        continue;
      this.#others.set(entry.id, entry);
      if (known === undefined) this.#makeRoom();
      accepted.push(entry);
    }
    return accepted;
  }

  #goAbove(remembered: Stamp): void {
    if (compareStamps(remembered, stampOf(this.#own)) <= 0) return;
    this.#own = { ...this.#own, incarnation: Math.min(remembered[1] + 1, NUMBER_MAX) };
  }

  #hasRoomFor([id, incarnation]: Stamp): boolean {
    if (this.#parts.isMember(id)) return true;
    const strangers = this.#strangers();
    return strangers.length < STRANGERS_MAX || strangers.some((entry) => entry.incarnation < incarnation);
  }

  #makeRoom(): void {
    const strangers = this.#strangers();
    if (strangers.length <= STRANGERS_MAX) return;
    const oldest = strangers.reduce((a, b) => (b.incarnation < a.incarnation ? b : a));
    this.#others.delete(oldest.id);
  }

  #strangers(): MemberEntry[] {
    return [...this.#others.values()].filter(({ id }) => !this.#parts.isMember(id));
  }
}
