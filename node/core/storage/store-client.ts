import type { Clock } from "../ports/clock.ts";
import type {
  CoordinatedWrite,
  IncomingRecord,
  Merged,
  MissedByOwners,
  ReplicaQuery,
  ReplicaRead,
  Stored,
  StoreFailureCode,
  StorePoint,
} from "../ports/replica-store.ts";
import type { NodeId } from "../node-id.ts";
import type { DeliveredHint, HintBatch, HintPlace, HintQuery } from "../ports/hint-store.ts";
import type { DroppedRow } from "../ports/misplaced-store.ts";
import type { MessagePipe } from "../ports/message-pipe.ts";
import type { NodeStore } from "../ports/node-store.ts";
import type { Observer } from "../ports/observer.ts";
import type { KeptIdentity, OpenedStore } from "../ports/store-identity.ts";
import type { Timers } from "../ports/timers.ts";
import type { BatchFacts } from "./write-reply-codec.ts";
import { type CorruptRows, hintQuestion, merkleQuestion } from "./bulk-question.ts";
import type { MerkleAnswers, MerkleKind, MerkleQuestions } from "./merkle-codec.ts";
import type {
  LeafRange,
  LeafRowsQuery,
  LeafRowsRead,
  LeavesRead,
  RecordsQuery,
  RecordsRead,
  RootsRead,
  VerifyQuery,
  VerifyRead,
} from "../ports/merkle-store.ts";
import { noTombstones, type TombstoneCount } from "../ports/tombstone-store.ts";
import type {
  SealableQuery,
  SealableRead,
  SealedAnswer,
  SealedQuestion,
  Sealing,
  WatchMark,
} from "../ports/seal-store.ts";
import type { SealedRow } from "../seal/sealed-record.ts";
import { decodeSealedAnswer, decodeSealing } from "./seal-codec.ts";
import { addCounts, noRows, recounted, type RowCounts } from "./row-counts.ts";
import { ReadLane, type ReadLaneLimits } from "./read-lane.ts";
import { invariant } from "../invariant.ts";
import { storedWithin } from "../stored-within.ts";
import { SEALED_ROWS_MAX, type WriteCommand } from "./write-codec.ts";
import { WriteLane, type WriteLaneLimits } from "./write-lane.ts";

/**
 * This node's copies as the network thread sees them: commands leave as packed messages for the writer and the
 * readers, answers come back as values. It also is where writes stop while the disk is full, before they cost
 * anything, and where what the storage threads report becomes events.
 */
export interface StoreClientParts {
  readonly writer: MessagePipe;
  /** One end per reader thread; at least one. */
  readonly readers: readonly MessagePipe[];
  readonly clock: Clock;
  readonly timers: Timers;
  readonly observer: Observer;
  readonly limits?: StoreClientLimits;
  /** What the databases held when they were opened; nothing where undefined. */
  readonly rows?: RowCounts | undefined;
  /** Bytes in use in hints.db when it was opened. */
  readonly hintBytes?: number | undefined;
  /** What it keeps of them then; none where undefined. */
  readonly tombstones?: TombstoneCount | undefined;
  /** What data.db said of itself then. */
  readonly opened: OpenedStore;
}

export interface StoreClientLimits {
  readonly writes: WriteLaneLimits;
  readonly reads: ReadLaneLimits;
}

export const defaultStoreClientLimits: StoreClientLimits = {
  writes: { writesMax: 16_384, bytesMax: 64 * 1024 * 1024, messagesMax: 2 },
  reads: { queriesMax: 16_384, messagesPerReaderMax: 2, bulkWaitMsMax: 30_000 },
};

export interface WriteRefusal {
  readonly ok: false;
  readonly code: StoreFailureCode;
  readonly message: string;
}

/** A leaf of a hundred million rows has some 400 of them: a millisecond of the writer's time. */
const LEAVES_PER_REBUILD = 16;

const overloaded: WriteRefusal = {
  ok: false,
  code: "overloaded",
  message: "overloaded: too many writes wait for the disk; retry later",
};

/**
 * Taken although the disk is nearly full: what makes room, or keeps others from telling again and again what nobody can be
 * given; and what this node knows of its own losses. What the log needs for it, the ballast has left.
 */
const TAKEN_READ_ONLY: ReadonlySet<WriteCommand["kind"]> = new Set([
  "forget",
  "mend",
  "drop",
  "identity",
  "ask_sealed",
  "seal",
]);

export class StoreClient implements NodeStore {
  readonly #writes: WriteLane;
  readonly #reads: ReadLane;
  readonly #timers: Timers;
  readonly #observer: Observer;
  #refusal: WriteRefusal | undefined;
  #onRowsRestored: () => void = () => undefined;
  #rows: RowCounts;
  #hintBytes: number;
  #tombstones: TombstoneCount;
  readonly #opened: OpenedStore;
  #point: StorePoint;

  constructor({
    writer,
    readers,
    clock,
    timers,
    observer,
    limits = defaultStoreClientLimits,
    rows = noRows,
    hintBytes = 0,
    tombstones = noTombstones,
    opened,
  }: StoreClientParts) {
    this.#timers = timers;
    this.#observer = observer;
    this.#rows = rows;
    this.#hintBytes = hintBytes;
    this.#tombstones = tombstones;
    this.#opened = opened;
    this.#point = opened;
    const onBatch = (batch: BatchFacts): void => this.#observeBatch(batch);
    this.#writes = new WriteLane({ pipe: writer, clock, timers, limits: limits.writes, onBatch });
    const onCorrupt = (found: CorruptRows): void => this.#observeCorruption(found);
    this.#reads = new ReadLane({ pipes: readers, timers, limits: limits.reads, onCorrupt });
  }

  coordinate(write: CoordinatedWrite): { merged: Promise<Merged>; durable: Promise<Stored> } {
    let merged!: (result: Merged) => void;
    let settled!: (result: Stored) => void;
    const answers = {
      merged: new Promise<Merged>((resolve) => (merged = resolve)),
      durable: new Promise<Stored>((resolve) => (settled = resolve)),
    };
    const refusal = this.#refusalOf({ command: { kind: "coordinate", write }, merged, settled });
    if (refusal === undefined) return answers;
    merged(refusal);
    settled(refusal);
    return answers;
  }

  store(incoming: IncomingRecord): Promise<Stored> {
    return this.#settled({ kind: "store", incoming });
  }

  mark(missed: MissedByOwners): Promise<Stored> {
    return this.#settled({ kind: "mark", missed });
  }

  forgetHint(hint: DeliveredHint): Promise<Stored> {
    return this.#settledInTime({ kind: "forget", hint });
  }

  mendHint(place: HintPlace): Promise<Stored> {
    return this.#settledInTime({ kind: "mend", place });
  }

  acceptHints(): Promise<Stored> {
    return this.#settledInTime({ kind: "accept_hints" });
  }

  tombstones(): TombstoneCount {
    return this.#tombstones;
  }

  countTombstones(): Promise<Stored> {
    return this.#settled({ kind: "count_tombstones" });
  }

  dropRows(rows: readonly DroppedRow[]): Promise<Stored> {
    return this.#settled({ kind: "drop", rows });
  }

  read(query: ReplicaQuery): Promise<ReplicaRead> {
    return new Promise((answer) => this.#reads.submit(query, answer));
  }

  hintOwners(): readonly NodeId[] {
    return [...this.#rows.hintsByOwner.keys()] as NodeId[];
  }

  hintsFor(query: HintQuery): Promise<HintBatch> {
    return new Promise((answer) => this.#reads.submitBulk(hintQuestion(query, answer)));
  }

  hintsCounted(owner: NodeId): number {
    return this.#rows.hintsByOwner.get(owner) ?? 0;
  }

  partitionRoots(partitions: number): Promise<RootsRead> {
    return this.#ask("roots", partitions);
  }

  leafHashes(range: LeafRange): Promise<LeavesRead> {
    return this.#ask("leaves", range);
  }

  rowsOfLeaves(query: LeafRowsQuery): Promise<LeafRowsRead> {
    return this.#ask("rows", query);
  }

  recordsAt(query: RecordsQuery): Promise<RecordsRead> {
    return this.#ask("records", query);
  }

  verifyRows(query: VerifyQuery): Promise<VerifyRead> {
    return this.#ask("verify", query);
  }

  /** In short commands one after the other, so that puts need not wait for all of them. */
  async rebuildLeaves(leaves: readonly number[]): Promise<Stored> {
    let last: Stored = { ok: true };
    for (let i = 0; i < leaves.length && last.ok; i += LEAVES_PER_REBUILD) {
      last = await this.#settledInTime({ kind: "rebuild", leaves: leaves.slice(i, i + LEAVES_PER_REBUILD) });
    }
    return last;
  }

  rereadRows(leaf: number): Promise<Stored> {
    return this.#settledInTime({ kind: "reread", leaf });
  }

  sealableRows(query: SealableQuery): Promise<SealableRead> {
    return this.#ask("sealable", query);
  }

  /** In short commands one after the other, as leaves are rebuilt. */
  async askSealed({ rows, since }: SealedQuestion): Promise<SealedAnswer> {
    const covered: boolean[] = [];
    let mark: WatchMark = { life: "", at: 0 };
    for (let i = 0; i < rows.length; i += SEALED_ROWS_MAX) {
      const question = { rows: rows.slice(i, i + SEALED_ROWS_MAX), since };
      const answered = await this.#answered({ kind: "ask_sealed", question }, decodeSealedAnswer);
      if (answered.status === "failed") return answered;
      covered.push(...answered.answer.covered);
      ({ mark } = answered.answer);
    }
    return { status: "answered", covered, mark };
  }

  async seal(rows: readonly SealedRow[]): Promise<Sealing> {
    const sum = { dropped: 0, pruned: 0 };
    for (let i = 0; i < rows.length; i += SEALED_ROWS_MAX) {
      const command = { kind: "seal", rows: rows.slice(i, i + SEALED_ROWS_MAX) } as const;
      const answered = await this.#answered(command, decodeSealing);
      if (answered.status === "failed") return answered;
      sum.dropped += answered.answer.dropped;
      sum.pruned += answered.answer.pruned;
    }
    return { status: "sealed", ...sum };
  }

  onRowsRestored(listener: () => void): void {
    this.#onRowsRestored = listener;
  }

  oldestWriteAgeMs(): number {
    return this.#writes.oldestAgeMs();
  }

  /** Writes and reads that have not been answered. */
  get pending(): number {
    return this.#writes.pending + this.#reads.pending;
  }

  /** Rows that there are now, as far as the writer has told. */
  rows(): RowCounts {
    return this.#rows;
  }

  opened(): OpenedStore {
    return this.#opened;
  }

  point(): StorePoint {
    return this.#point;
  }

  keepIdentity(identity: KeptIdentity): Promise<Stored> {
    return this.#settledInTime({ kind: "identity", identity });
  }

  /** Bytes in use in hints.db, as far as the writer has told. */
  hintBytes(): number {
    return this.#hintBytes;
  }

  /**
   * From now on every write is answered with `refusal`; with undefined, writes are taken again. What makes room is let
   * through where the disk is only too full (`read_only`): hints may be what filled it.
   */
  refuseWrites(refusal: WriteRefusal | undefined): void {
    this.#refusal = refusal;
  }

  /** The storage threads are gone: answers whatever is unanswered, and every write from now on. */
  fail(message: string): void {
    this.#refusal = { ok: false, code: "storage_failed", message };
    this.#writes.fail(message);
    this.#reads.fail(message);
  }

  #ask<K extends MerkleKind>(kind: K, query: MerkleQuestions[K]): Promise<MerkleAnswers[K]> {
    return new Promise((answer) => this.#reads.submitBulk(merkleQuestion(kind, query, answer)));
  }

  #settled(command: WriteCommand, answered?: (answer: Uint8Array) => void): Promise<Stored> {
    return new Promise((settled) => {
      const refusal = this.#refusalOf({ command, merged: undefined, answered, settled });
      if (refusal !== undefined) settled(refusal);
    });
  }

  async #answered<T>(
    command: WriteCommand,
    decode: (answer: Uint8Array) => T,
  ): Promise<{ status: "answered"; answer: T } | { status: "failed"; message: string }> {
    let answer: T | undefined;
    const stored = await this.#settled(command, (bytes) => (answer = decode(bytes)));
    if (!stored.ok) return { status: "failed", message: stored.message };
    invariant(answer !== undefined, "the writer settled a question without an answer to it");
    return { status: "answered", answer };
  }

  #settledInTime(command: WriteCommand): Promise<Stored> {
    return storedWithin(this.#settled(command), this.#timers);
  }

  #refusalOf(write: Parameters<WriteLane["submit"]>[0]): WriteRefusal | undefined {
    const refusal = this.#refusal;
    if (refusal !== undefined && !(refusal.code === "read_only" && TAKEN_READ_ONLY.has(write.command.kind)))
      return refusal;
    return this.#writes.submit(write) ? undefined : overloaded;
  }

  #observeBatch(batch: BatchFacts): void {
    this.#point = batch.at;
    this.#tombstones = batch.tombstones;
    // Also of a batch that failed: data.db may have been committed before hints.db was not.
    if (batch.areRowsRestored) this.#onRowsRestored();
    this.#rows = recounted(addCounts(this.#rows, batch.rowsAdded), batch.rowsCounted);
    if (batch.failure === undefined) this.#hintBytes = batch.hintBytes ?? this.#hintBytes;
    if (batch.hintsRefused > 0)
      this.#observer.event({ kind: "hints_refused", count: batch.hintsRefused, hintBytes: this.#hintBytes });
    this.#observeCorruption(batch);
    for (const database of ["data", "hints"] as const) {
      const rowsDisplaced = batch.rowsDisplaced[database];
      if (rowsDisplaced !== undefined)
        this.#observer.event({ kind: "indexes_rebuilt", database, rowsDisplaced });
    }
    if (batch.failure !== undefined) this.#observer.event({ kind: "commit_failed", ...batch.failure });
    else {
      const { writes, bytes, durationMs } = batch;
      this.#observer.event({ kind: "batch_committed", writes, bytes, durationMs });
    }
  }

  #observeCorruption({ dataRowsCorrupt, hintRowsCorrupt }: CorruptRows): void {
    for (let i = 0; i < dataRowsCorrupt; i++) this.#observer.event({ kind: "row_corrupt", database: "data" });
    for (let i = 0; i < hintRowsCorrupt; i++)
      this.#observer.event({ kind: "row_corrupt", database: "hints" });
  }
}
