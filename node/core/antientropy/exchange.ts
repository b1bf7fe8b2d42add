import { leafOf } from "../merkle/leaf.ts";
import type { NodeId } from "../node-id.ts";
import type { PeerCalls } from "../peers/peer-calls.ts";
import type { Clock } from "../ports/clock.ts";
import type { Digester } from "../ports/hash.ts";
import type { LeafHash, LeafRange, MerkleStore } from "../ports/merkle-store.ts";
import type { Observer } from "../ports/observer.ts";
import type { Random } from "../ports/random.ts";
import type { ReplicaStore, Stored } from "../ports/replica-store.ts";
import type { Timers } from "../ports/timers.ts";
import type { RingState } from "../ring/ring-state.ts";
import { differingLeaves, type Direction, inBoth } from "./differences.ts";
import { ROWS_PER_ANSWER_MAX } from "./exchange-answers.ts";
import { POSITIONS_MAX } from "./exchange-questions.ts";
import { pauseBetweenMs } from "./exchange-pace.ts";
import {
  type ExchangeReport,
  ExchangeStopped,
  noExchange,
  readOrStop,
  type TimeAllowed,
} from "./exchange-report.ts";
import { PeerQuestions } from "./peer-questions.ts";
import { pullRecords, pushRecords } from "./record-moves.ts";
import { compareBytes } from "../version/record.ts";
import { directionsOf } from "./row-directions.ts";
import { type DifferingRow, RowComparison } from "./row-pages.ts";
import { leafGroups, partitionOfLeaf, sharedPartitions } from "./shared-partitions.ts";

/**
 * Makes this node's copies and a peer's equal in all partitions that both own (Dynamo §4.7): roots, then the leaves
 * of partitions that differ, then the rows of leaves that differ, then the versions of rows that differ, and only then
 * records. What differs because a write is under way is sorted out by a second look at the leaves a moment later. Where
 * roots differ and leaves do not, a disk may have changed a root: whoever reads leaves, here and at the peer, looks.
 *
 * Invariant: a partition counts as covered only when each of its leaves was equal at some moment since the exchange
 * began, or every sound row that the peer had in it is in this node's store.
 */
export interface ExchangeParts {
  readonly self: NodeId;
  readonly ring: RingState;
  readonly merkle: MerkleStore;
  readonly store: Pick<ReplicaStore, "store" | "oldestWriteAgeMs">;
  readonly calls: PeerCalls;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly hash: Digester;
  readonly observer: Observer;
  readonly isConnected: (peer: NodeId) => boolean;
  /** Told of a row of this node's that failed its check. */
  readonly onCorrupt: (position: Uint8Array) => void;
  /** Writes the roots of the blocks of these leaves anew. Resolves when they are on stable storage. */
  readonly onRootsWrong: (leaves: readonly number[]) => Promise<Stored>;
}

export interface ExchangeLimits extends TimeAllowed {
  /** From the first look at the leaves to the second; undefined: what differs is moved without one. */
  readonly recheckMs: number | undefined;
}

/** Leaves whose rows are compared together: with 10 million rows a node about 10,000 rows. */
const LEAVES_PER_STEP = 256;
/** Leaves that differ although their rows do not are computed anew: so many an exchange. */
const REBUILT_LEAVES_MAX = 16;

export class Exchange {
  readonly peer: NodeId;
  readonly #parts: ExchangeParts;
  readonly #limits: ExchangeLimits;
  readonly #tally = noExchange();
  /** Those that are covered once all of their leaves are. */
  readonly #uncovered = new Set<number>();
  readonly #leavesLeft = new Map<number, number>();
  readonly #spoilt = new Set<number>();
  readonly #unreadable = new Set<number>();
  /** A leaf of each block of this node's whose root is not the sum of its leaves. */
  readonly #rootsWrong = new Set<number>();
  /** Undefined: what both own. */
  readonly #asked: readonly number[] | undefined;
  #shared: readonly number[] = [];
  #reason = "";
  #found = false;

  /** @param partitions what is compared, ascending, of what both keep; all that both own where undefined */
  constructor(peer: NodeId, limits: ExchangeLimits, parts: ExchangeParts, partitions?: readonly number[]) {
    this.peer = peer;
    this.#asked = partitions;
    this.#limits = limits;
    this.#parts = parts;
  }

  /** Whether the peer has answered and something differs: from then on records may move. */
  get hasFoundDifferences(): boolean {
    return this.#found;
  }

  async run(): Promise<ExchangeReport> {
    const startMs = this.#parts.clock.monotonicMs();
    const outcome = await this.#outcome();
    return {
      ...this.#tally,
      peer: this.peer,
      outcome,
      reason: this.#reason,
      ...this.#covered(),
      durationMs: this.#parts.clock.monotonicMs() - startMs,
    };
  }

  #covered(): Pick<ExchangeReport, "partitionsCovered" | "partitionsUnreadable"> {
    const partitionsCovered = this.#shared.filter((partition) => !this.#uncovered.has(partition));
    return {
      partitionsCovered,
      partitionsUnreadable: partitionsCovered.filter((partition) => this.#unreadable.has(partition)),
    };
  }

  async #outcome(): Promise<ExchangeReport["outcome"]> {
    try {
      await this.#compare();
    } catch (error) {
      if (!(error instanceof ExchangeStopped)) throw error;
      this.#reason = error.message;
      return error.outcome;
    }
    if (this.#reason !== "") return "failed";
    const { recordsPulled, recordsPushed } = this.#tally;
    return recordsPulled + recordsPushed + this.#rootsWrong.size > 0 ? "repaired" : "equal";
  }

  async #compare(): Promise<void> {
    const { self, ring, merkle } = this.#parts;
    const current = ring.current();
    if (current === undefined) throw new ExchangeStopped("postponed", "this node has no ring");
    const { partitions } = current.parameters;
    const asked = { peer: this.peer, ring: { epoch: current.epoch, digest: ring.hash() } };
    const questions = new PeerQuestions({ ...asked, ...this.#limits }, this.#tally, this.#parts);
    const shared = this.#asked ?? sharedPartitions(ring, self, this.peer);
    for (const partition of shared) this.#uncovered.add(partition);
    this.#shared = shared;

    const roots = readOrStop(await merkle.partitionRoots(partitions)).partitions;
    const named = this.#asked === undefined ? {} : { partitions: this.#asked };
    const answer = await questions.ask({
      kind: "roots",
      ...named,
      roots: shared.map((p) => roots[p]!.root),
    });
    this.#tally.partitionsCompared = shared.length;
    const differing = answer.differing.flatMap((index) => shared[index] ?? []);
    this.#tally.partitionsDiffering = differing.length;
    this.#cover(shared.filter((partition) => !differing.includes(partition)));
    if (differing.length === 0) return;
    this.#found = true;
    await this.#compareLeaves(differing, partitions, questions);
  }

  async #compareLeaves(differing: readonly number[], partitions: number, questions: PeerQuestions) {
    const first = await this.#leavesThatDiffer(leafGroups(differing, partitions), questions);
    let leaves: readonly number[] = [];
    if (this.#limits.recheckMs === undefined) leaves = first;
    else if (first.length > 0) {
      await questions.pause(this.#limits.recheckMs);
      const again = [...new Set(first.map((leaf) => partitionOfLeaf(leaf, partitions)))];
      leaves = inBoth(first, await this.#leavesThatDiffer(leafGroups(again, partitions), questions));
    }
    this.#tally.leavesDiffering = leaves.length;
    for (const leaf of leaves) {
      const partition = partitionOfLeaf(leaf, partitions);
      this.#leavesLeft.set(partition, (this.#leavesLeft.get(partition) ?? 0) + 1);
    }
    this.#cover(differing.filter((partition) => !this.#leavesLeft.has(partition)));
    const alike: number[] = [];
    for (const step of this.#stepsOf(leaves)) {
      alike.push(...(await this.#repairLeaves(step, partitions, questions)));
      for (const leaf of step) this.#leafDone(partitionOfLeaf(leaf, partitions));
    }
    if (alike.length > 0) await this.#rebuild(alike.slice(0, REBUILT_LEAVES_MAX));
    if (this.#rootsWrong.size === 0) return;
    const rebuilt = await this.#parts.onRootsWrong([...this.#rootsWrong]);
    if (!rebuilt.ok) this.#reason = `a root of this node's tree is wrong and stays so: ${rebuilt.message}`;
  }

  /** Each exchange begins elsewhere: what cannot be read or moved must not keep all that lies behind it from its turn. */
  #stepsOf(leaves: readonly number[]): (readonly number[])[] {
    const steps: (readonly number[])[] = [];
    for (let at = 0; at < leaves.length; at += LEAVES_PER_STEP)
      steps.push(leaves.slice(at, at + LEAVES_PER_STEP));
    const first = steps.length > 1 ? this.#parts.random.below(steps.length) : 0;
    return [...steps.slice(first), ...steps.slice(0, first)];
  }

  async #leavesThatDiffer(groups: readonly LeafRange[][], questions: PeerQuestions): Promise<number[]> {
    const differing: number[] = [];
    for (const ranges of groups) {
      const ours: LeafHash[] = [];
      for (const range of ranges) {
        const read = readOrStop(await this.#parts.merkle.leafHashes(range));
        ours.push(...read.leaves);
        for (const leaf of read.rootsWrong) this.#rootsWrong.add(leaf);
      }
      const theirs = await questions.ask({ kind: "leaves", ranges });
      differing.push(...differingLeaves(ours, theirs.leaves));
    }
    return differing;
  }

  /** Answers the leaves in which no row differed. */
  async #repairLeaves(leaves: readonly number[], partitions: number, questions: PeerQuestions) {
    const { merkle } = this.#parts;
    const asked = new Set(leaves);
    const alike = new Set(leaves);
    const rows = new RowComparison(
      async (after) => readOrStop(await merkle.rowsOfLeaves({ leaves, after, rowsMax: ROWS_PER_ANSWER_MAX })),
      (after) => questions.ask({ kind: "rows", leaves, after }),
    );
    for (;;) {
      const startMs = this.#parts.clock.monotonicMs();
      const differing = await rows.next(POSITIONS_MAX);
      for (const { position } of differing) {
        if (!asked.has(leafOf(position)))
          throw new ExchangeStopped("failed", "the peer told of a row that lies elsewhere");
        alike.delete(leafOf(position));
      }
      this.#tally.rowsDiffering += differing.length;
      await this.#repairRows(differing, partitions, questions);
      await questions.pause(this.#pauseMs(startMs));
      if (differing.length < POSITIONS_MAX) break;
    }
    this.#tally.rowsCompared += rows.rowsCompared;
    return alike;
  }

  async #repairRows(differing: readonly DifferingRow[], partitions: number, questions: PeerQuestions) {
    const positionsOf = (side: DifferingRow["side"]): Uint8Array[] =>
      differing.filter((row) => row.side === side).map(({ position }) => position);
    const onBoth = positionsOf("both");
    const { directions, unreadable } = await directionsOf(onBoth, questions, this.#parts.merkle);
    this.#cannotRead(unreadable, partitions);
    const going = (...ways: Direction[]): Uint8Array[] =>
      onBoth.filter((_, index) => ways.includes(directions[index]!));
    const pulls = inOrder([...positionsOf("theirs"), ...going("pull", "both")]);
    const pulled = await pullRecords(pulls, questions, this.#parts);
    for (const position of pulled.refused) this.#spoil(position, partitions);
    if (pulled.missing.length > 0)
      this.#reason = `the peer has ${pulled.missing.length} rows that it cannot read`;
    this.#cannotRead(pulled.missing, partitions);
    const pushes = inOrder([...positionsOf("ours"), ...going("push", "both")]);
    const pushed = await pushRecords(pushes, questions, this.#parts);
    for (const position of pushed.corrupt) this.#parts.onCorrupt(position);
    if (pushed.refused.length === 0) return;
    this.#reason = `the peer refused ${pushed.refused.length} records for good`;
    // They may lie here where they do not belong (storage/refile-rows.ts).
    const leaves = [...new Set(pushed.refused.map(leafOf))].slice(0, REBUILT_LEAVES_MAX);
    await this.#rebuild(leaves);
  }

  async #rebuild(leaves: readonly number[]): Promise<void> {
    const rebuilt = await this.#parts.merkle.rebuildLeaves(leaves);
    if (!rebuilt.ok) this.#reason = `a leaf of this node's tree is wrong and stays so: ${rebuilt.message}`;
  }

  #pauseMs(startMs: number): number {
    const { clock, store } = this.#parts;
    return pauseBetweenMs(clock.monotonicMs() - startMs, store.oldestWriteAgeMs());
  }

  #cannotRead(positions: readonly Uint8Array[], partitions: number): void {
    for (const position of positions) this.#unreadable.add(partitionOfLeaf(leafOf(position), partitions));
  }

  #spoil(position: Uint8Array, partitions: number): void {
    this.#spoilt.add(partitionOfLeaf(leafOf(position), partitions));
    this.#reason = "this node's store refused a record of the peer for good";
  }

  #leafDone(partition: number): void {
    const left = (this.#leavesLeft.get(partition) ?? 1) - 1;
    this.#leavesLeft.set(partition, left);
    if (left === 0 && !this.#spoilt.has(partition)) this.#cover([partition]);
  }

  #cover(partitions: readonly number[]): void {
    for (const partition of partitions) this.#uncovered.delete(partition);
  }
}

function inOrder(positions: readonly Uint8Array[]): Uint8Array[] {
  return [...positions].sort(compareBytes);
}
