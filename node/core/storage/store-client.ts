import type { Clock } from "../ports/clock.ts";
import type {
  CoordinatedWrite,
  IncomingRecord,
  Merged,
  ReplicaQuery,
  ReplicaRead,
  ReplicaStore,
  Stored,
  StoreFailureCode,
} from "../ports/replica-store.ts";
import type { MessagePipe } from "../ports/message-pipe.ts";
import type { Observer } from "../ports/observer.ts";
import type { Timers } from "../ports/timers.ts";
import type { BatchFacts } from "./write-reply-codec.ts";
import { ReadLane, type ReadLaneLimits } from "./read-lane.ts";
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
}

export interface StoreClientLimits {
  readonly writes: WriteLaneLimits;
  readonly reads: ReadLaneLimits;
}

export const defaultStoreClientLimits: StoreClientLimits = {
  writes: { writesMax: 16_384, bytesMax: 64 * 1024 * 1024, messagesMax: 2 },
  reads: { queriesMax: 16_384, messagesPerReaderMax: 2 },
};

export interface WriteRefusal {
  readonly ok: false;
  readonly code: StoreFailureCode;
  readonly message: string;
}

const overloaded: WriteRefusal = {
  ok: false,
  code: "overloaded",
  message: "overloaded: too many writes wait for the disk; retry later",
};

export class StoreClient implements ReplicaStore {
  readonly #writes: WriteLane;
  readonly #reads: ReadLane;
  readonly #observer: Observer;
  #refusal: WriteRefusal | undefined;
  #dataRowsAdded = 0;
  #hintRowsAdded = 0;
  readonly #hintsAdded = new Map<string, number>();

  constructor({
    writer,
    readers,
    clock,
    timers,
    observer,
    limits = defaultStoreClientLimits,
  }: StoreClientParts) {
    this.#observer = observer;
    const onBatch = (batch: BatchFacts): void => this.#observeBatch(batch);
    this.#writes = new WriteLane({ pipe: writer, clock, timers, limits: limits.writes, onBatch });
    const onAnswers = (facts: CorruptRows): void => this.#observeCorruption(facts);
    this.#reads = new ReadLane({ pipes: readers, timers, limits: limits.reads, onAnswers });
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
    return new Promise((settled) => {
      const refusal = this.#refusalOf({ command: { kind: "store", incoming }, merged: undefined, settled });
      if (refusal !== undefined) settled(refusal);
    });
  }

  read(query: ReplicaQuery): Promise<ReplicaRead> {
    return new Promise((answer) => this.#reads.submit(query, answer));
  }

  oldestWriteAgeMs(): number {
    return this.#writes.oldestAgeMs();
  }

  /** Writes and reads that have not been answered. */
  get pending(): number {
    return this.#writes.pending + this.#reads.pending;
  }

  /** Rows that were added since this client was made. */
  rowsAdded(): { readonly data: number; readonly hints: number } {
    return { data: this.#dataRowsAdded, hints: this.#hintRowsAdded };
  }

  /** For each owner how many rows were kept for it since this client was made. */
  hintsAdded(): ReadonlyMap<string, number> {
    return this.#hintsAdded;
  }

  /** From now on every write is answered with `refusal`; with undefined, writes are taken again. */
  refuseWrites(refusal: WriteRefusal | undefined): void {
    this.#refusal = refusal;
  }

  /** The storage threads are gone: answers whatever is unanswered, and every write from now on. */
  fail(message: string): void {
    this.#refusal = { ok: false, code: "storage_failed", message };
    this.#writes.fail(message);
    this.#reads.fail(message);
  }

  #refusalOf(write: Parameters<WriteLane["submit"]>[0]): WriteRefusal | undefined {
    if (this.#refusal !== undefined) return this.#refusal;
    return this.#writes.submit(write) ? undefined : overloaded;
  }

  #observeBatch(batch: BatchFacts): void {
    this.#dataRowsAdded += batch.dataRowsAdded;
    this.#hintRowsAdded += batch.hintRowsAdded;
    for (const [owner, count] of batch.hintsAdded) {
      this.#hintsAdded.set(owner, (this.#hintsAdded.get(owner) ?? 0) + count);
    }
    this.#observeCorruption(batch);
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

interface CorruptRows {
  readonly dataRowsCorrupt: number;
  readonly hintRowsCorrupt: number;
}
