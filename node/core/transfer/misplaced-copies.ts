import { pauseBetweenMs } from "../antientropy/exchange-pace.ts";
import { ExchangeStopped, noExchange } from "../antientropy/exchange-report.ts";
import { PeerQuestions, type PeerQuestionsParts } from "../antientropy/peer-questions.ts";
import { leafGroups } from "../antientropy/shared-partitions.ts";
import { leafOf } from "../merkle/leaf.ts";
import type { NodeId } from "../node-id.ts";
import { LEAVES_PER_READ_MAX, type MerkleStore, type PartitionSummary } from "../ports/merkle-store.ts";
import { type DroppedRow, type MisplacedStore, ROWS_PER_DROP_MAX } from "../ports/misplaced-store.ts";
import type { ReplicaStore } from "../ports/replica-store.ts";
import { isGivenUp } from "../ring/change/departed.ts";
import { type KeepersRing, keepersOf } from "../ring/keepers.ts";
import type { Ring } from "../ring/ring.ts";
import type { NodeSettings } from "../settings.ts";
import { storedWithin } from "../stored-within.ts";
import { ROWS_PER_DROP_MIN, rowsOfNextDrop } from "./drop-pace.ts";
import { droppableRows, type PageTaken } from "./droppable-rows.ts";
import { givePage, type MisplacedPage, type PageParts } from "./misplaced-page.ts";

/**
 * Rows in partitions that this node does not own: a change has moved them elsewhere, was cancelled, or they came by a plan
 * that was late. They are given to every owner, page by page and with pauses, and removed only when all of them have them
 * (decision 15). Where an owner is away the others get them all the same, once a ring; then they wait until it is back.
 * Once they are given up (ring/change/departed.ts) nobody gets them: they are put aside.
 *
 * Invariants: a row is removed only as it was when every owner had it (its digest), and only under the ring by
 * which these are its owners and this node is none: that is looked at in the same turn in which the command leaves, and commands keep
 * their order, so what arrives under a later ring stays.
 */
export interface MisplacedCopiesParts extends PageParts, PeerQuestionsParts {
  readonly self: NodeId;
  readonly ring: KeepersRing;
  /** For writing and removing: both must pass any cache that this node has. */
  readonly store: Pick<ReplicaStore, "store" | "oldestWriteAgeMs"> & MisplacedStore;
  readonly merkle: MerkleStore;
  readonly hasHints: () => boolean;
  /** Called with each look that finds any while they are given up. */
  readonly setCopiesAside: () => void;
  readonly settings: Pick<NodeSettings, "antiEntropyIntervalMs" | "handoffIntervalMs">;
}

export interface MisplacedState {
  /** Of partitions that this node does not own, when it looked last; undefined where it has not since the last ring. */
  readonly keys: number | undefined;
  /** Owners that are away, and whom some of them wait for; ascending. */
  readonly waitsFor: readonly NodeId[];
}

/** After a new ring: hints and transfers may go first. */
const SETTLE_MS = 2_000;
const PAGE_MS_MAX = 60_000;
/** Of a page; the next walk comes to the others. */
const REFILED_LEAVES_MAX = 16;

export class MisplacedCopies {
  readonly #parts: MisplacedCopiesParts;
  readonly #drops = new Set<Promise<unknown>>();
  #rowsPerDrop = ROWS_PER_DROP_MIN;
  /** Partitions that were offered to all owners that were there, under `#ring`. */
  readonly #offered = new Set<number>();
  #ring: Ring | undefined;
  #keys: number | undefined;
  #waitsFor = new Set<NodeId>();
  #disarm: () => void = () => undefined;
  #isWalking = false;

  constructor(parts: MisplacedCopiesParts) {
    this.#parts = parts;
  }

  /** To be called with each ring, and once at the start. */
  ringChanged(): void {
    this.#ring = this.#parts.ring.current();
    this.#offered.clear();
    this.#keys = undefined;
    this.#arm(SETTLE_MS);
  }

  peerConnected(peer: NodeId): void {
    if (this.#waitsFor.has(peer)) this.#arm(SETTLE_MS);
  }

  state(): MisplacedState {
    return { keys: this.#keys, waitsFor: [...this.#waitsFor].sort() };
  }

  /** Resolves once no row is on its way out any more. */
  async settled(): Promise<void> {
    while (this.#drops.size > 0) await Promise.all(this.#drops);
  }

  #arm(delayMs: number): void {
    this.#disarm();
    this.#disarm = this.#parts.timers.after(delayMs, () => void this.#walk());
  }

  async #walk(): Promise<void> {
    // A walk that is under way ends by arming anew.
    if (this.#isWalking) return;
    this.#isWalking = true;
    const isDone = await this.#handOverAll();
    this.#isWalking = false;
    const { settings } = this.#parts;
    this.#arm(isDone ? settings.antiEntropyIntervalMs : settings.handoffIntervalMs);
  }

  /** False where something is left to be done. */
  async #handOverAll(): Promise<boolean> {
    const ring = this.#parts.ring.current();
    if (ring === undefined) return true;
    const left = await this.#misplaced(ring.parameters.partitions);
    if (left === undefined) return false;
    if (isGivenUp(ring, this.#parts.self)) return this.#giveUp(left.length > 0);
    if (left.length === 0) return true;
    const waitsFor = new Set<NodeId>();
    for (const partitions of this.#byOwners(left)) {
      if (!this.#isCurrent(ring)) return false;
      await this.#handOver(partitions, ring, waitsFor);
    }
    this.#waitsFor = waitsFor;
    const after = await this.#misplaced(ring.parameters.partitions);
    return after?.length === 0;
  }

  #giveUp(hasRows: boolean): boolean {
    const hasHints = this.#parts.hasHints();
    if (!hasRows && !hasHints) return true;
    this.#parts.observer.event({ kind: "copies_given_up", keys: this.#keys ?? 0, hasHints });
    this.#parts.setCopiesAside();
    return false;
  }

  /** Partitions with rows that this node owns in no set; undefined where the disk does not say. */
  async #misplaced(partitions: number): Promise<readonly number[] | undefined> {
    const ring = this.#ring;
    // What was given to the writer earlier is to be in what is read: a disk that hangs may have taken no copy yet.
    if (!(await storedWithin(this.#parts.store.dropRows([]), this.#parts.timers)).ok) return undefined;
    const read = await this.#parts.merkle.partitionRoots(partitions);
    if (read.status === "failed" || ring === undefined || !this.#isCurrent(ring)) return undefined;
    const left = [...read.partitions.keys()].filter(
      (partition) => !isEmpty(read.partitions[partition]!) && !this.#isKeeper(partition),
    );
    // Who says 0 may be released: a partition with rows has one at least, whatever was counted.
    this.#keys = left.reduce((sum, partition) => sum + Math.max(1, read.partitions[partition]!.keys), 0);
    if (left.length === 0) this.#waitsFor = new Set();
    return left;
  }

  /** Those with the same owners together: a page costs as many questions whichever partitions its rows are in. */
  #byOwners(partitions: readonly number[]): (readonly number[])[] {
    const groups = new Map<string, number[]>();
    for (const partition of partitions) {
      const owners = [...keepersOf(this.#parts.ring, partition)].sort().join();
      const group = groups.get(owners);
      if (group === undefined) groups.set(owners, [partition]);
      else group.push(partition);
    }
    return [...groups.values()];
  }

  async #handOver(partitions: readonly number[], ring: Ring, waitsFor: Set<NodeId>): Promise<void> {
    const { isConnected, observer } = this.#parts;
    const owners = keepersOf(this.#parts.ring, partitions[0]!);
    const away = owners.filter((owner) => !isConnected(owner));
    for (const owner of away) waitsFor.add(owner);
    if (away.length > 0 && partitions.every((partition) => this.#offered.has(partition))) return;
    const occupied = await this.#occupiedLeaves(partitions, ring);
    if (occupied === undefined) return;
    let rowsDropped = 0;
    let isOffered = true;
    for (let at = 0; at < occupied.length; at += LEAVES_PER_READ_MAX) {
      const leaves = occupied.slice(at, at + LEAVES_PER_READ_MAX);
      const handed = await this.#handOverLeaves(leaves, owners, ring);
      if (handed === undefined) return;
      rowsDropped += handed.rowsDropped;
      isOffered &&= owners.every((owner) => away.includes(owner) || !handed.failed.has(owner));
    }
    if (isOffered) for (const partition of partitions) this.#offered.add(partition);
    observer.event({
      kind: "misplaced_handed_over",
      partitions: partitions.length,
      rowsDropped,
      waitsFor: away,
    });
  }

  /** Those that have rows, ascending; undefined where the disk does not say. */
  async #occupiedLeaves(partitions: readonly number[], ring: Ring): Promise<number[] | undefined> {
    const occupied: number[] = [];
    for (const ranges of leafGroups(partitions, ring.parameters.partitions)) {
      for (const range of ranges) {
        const read = await this.#parts.merkle.leafHashes(range);
        if (read.status === "failed") return undefined;
        occupied.push(...read.leaves.map(({ leaf }) => leaf));
      }
    }
    return occupied;
  }

  /** Undefined where the ring has changed, or this node's disk fails. */
  async #handOverLeaves(
    leaves: readonly number[],
    owners: readonly NodeId[],
    ring: Ring,
  ): Promise<{ readonly rowsDropped: number; readonly failed: ReadonlySet<NodeId> } | undefined> {
    const { merkle, clock, store } = this.#parts;
    const failed = new Set<NodeId>();
    let rowsDropped = 0;
    for (let after: Uint8Array | undefined; ;) {
      const startMs = clock.monotonicMs();
      const read = await merkle.rowsOfLeaves({ leaves, after, rowsMax: ROWS_PER_DROP_MAX });
      if (read.status === "failed") return undefined;
      if (read.rows.length > 0) {
        const taken = await this.#offer({ rows: read.rows, after }, owners, ring);
        if (!this.#isCurrent(ring)) return undefined;
        for (const owner of owners) if (!taken.has(owner)) failed.add(owner);
        await this.#refile([...taken.values()].flatMap(({ refused }) => refused));
        const rows = droppableRows(read.rows, owners, taken);
        rowsDropped += rows.length;
        if (!(await this.#drop(rows, ring))) return undefined;
        await this.#pause(pauseBetweenMs(clock.monotonicMs() - startMs, store.oldestWriteAgeMs()));
      }
      if (read.next === undefined) return { rowsDropped, failed };
      after = read.next;
    }
  }

  /** What each owner that is there made of it; those that failed are left out. */
  async #offer(
    page: MisplacedPage,
    owners: readonly NodeId[],
    ring: Ring,
  ): Promise<ReadonlyMap<NodeId, PageTaken>> {
    const taken = new Map<NodeId, PageTaken>();
    for (const owner of owners) {
      if (!this.#parts.isConnected(owner) || !this.#isCurrent(ring)) continue;
      try {
        taken.set(owner, await givePage(page, this.#questionsTo(owner, ring), this.#parts));
      } catch (error) {
        if (!(error instanceof ExchangeStopped)) throw error;
        this.#parts.observer.event({
          kind: "misplaced_not_taken",
          peerId: owner,
          reason: error.message,
        });
      }
    }
    return taken;
  }

  #questionsTo(peer: NodeId, ring: Ring): PeerQuestions {
    const { clock } = this.#parts;
    const named = { peer, ring: { epoch: ring.epoch, digest: this.#parts.ring.hash() } };
    const deadlineMs = clock.monotonicMs() + PAGE_MS_MAX;
    const allowed = { deadlineMs, isWanted: () => this.#isCurrent(ring) };
    return new PeerQuestions({ ...named, ...allowed }, noExchange(), this.#parts);
  }

  /** Rows that an owner will never take may lie here where they do not belong (storage/refile-rows.ts). */
  async #refile(refused: readonly Uint8Array[]): Promise<void> {
    const leaves = [...new Set(refused.map(leafOf))].sort((a, b) => a - b).slice(0, REFILED_LEAVES_MAX);
    if (leaves.length > 0) await this.#parts.merkle.rebuildLeaves(leaves);
  }

  /** False where the ring has changed, or this node's disk did not do it in time. */
  async #drop(rows: readonly DroppedRow[], ring: Ring): Promise<boolean> {
    const { clock, store, timers } = this.#parts;
    for (let at = 0; at < rows.length;) {
      // In the turn in which the command leaves.
      if (!this.#isCurrent(ring)) return false;
      const startMs = clock.monotonicMs();
      const step = rows.slice(at, at + this.#rowsPerDrop);
      const dropped = store.dropRows(step);
      this.#drops.add(dropped);
      void dropped.then(() => this.#drops.delete(dropped));
      if (!(await storedWithin(dropped, timers)).ok) return false;
      at += step.length;
      const tookMs = clock.monotonicMs() - startMs;
      this.#rowsPerDrop = rowsOfNextDrop(this.#rowsPerDrop, tookMs);
      if (at < rows.length) await this.#pause(pauseBetweenMs(tookMs, store.oldestWriteAgeMs()));
    }
    return true;
  }

  #isKeeper(partition: number): boolean {
    return keepersOf(this.#parts.ring, partition).includes(this.#parts.self);
  }

  #isCurrent(ring: Ring): boolean {
    return this.#parts.ring.current() === ring;
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.#parts.timers.after(delayMs, resolve));
  }
}

function isEmpty({ root, keys }: PartitionSummary): boolean {
  return keys <= 0 && root.every((byte) => byte === 0);
}
