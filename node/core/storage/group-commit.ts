import type { Clock } from "../ports/clock.ts";
import { type Database, DatabaseFailure, type StoredRow } from "../ports/database.ts";
import type { Digester } from "../ports/hash.ts";
import type { CoordinatedWrite, Merged, Stored, StoreFailureCode } from "../ports/replica-store.ts";
import type { MessagePipe } from "../ports/message-pipe.ts";
import type { Random } from "../ports/random.ts";
import { ActorMint } from "../version/actor.ts";
import { BatchTable } from "./batch-table.ts";
import {
  applyCoordinated,
  applyIncoming,
  type Coordinated,
  type CoordinationTools,
  isCollision,
  type MergedRow,
  type Refused,
  type StorageLimits,
  tooLate,
} from "./apply-write.ts";
import { type BatchFacts, encodeAnswered, encodeMerged, encodeSettled } from "./write-reply-codec.ts";
import { commandBytes, decodeWrites, type WriteCommand } from "./write-codec.ts";
import { type CheckedRow, checkRow } from "./row-check.ts";
import { dropRows } from "./drop-rows.ts";
import { HintBudget } from "./hint-budget.ts";
import { HintChanges } from "./hint-changes.ts";
import {
  type Batch,
  type QueuedWrite,
  rowsAdded,
  rowsCounted,
  rowsDisplaced,
  runsOf,
  stored,
} from "./write-batch.ts";
import { invariant } from "../invariant.ts";
import { drawId } from "./draw-id.ts";
import { StoreLife } from "./store-life.ts";
import { RowWatch } from "./row-watch.ts";
import { answerSealed, sealRows, type SealTables } from "./seal-rows.ts";
import { TombstoneCounter } from "./tombstone-counter.ts";
import type { TombstoneCount } from "../ports/tombstone-store.ts";
import type { OpenedStore } from "../ports/store-identity.ts";
import { TreeWriter } from "../merkle/tree-writer.ts";

/**
 * The writer's engine: many writes, one fsync. Whatever has arrived becomes one transaction, no timer involved: while
 * a commit waits for the disk the next batch gathers, so batches grow exactly when the disk is the bottleneck.
 *
 * `apply` reads, merges, writes and hands the merged records out, so that peers can fsync at the same time; `commit`
 * makes the batch durable and only then releases its acknowledgements. After any failure nothing of the batch is
 * acknowledged and the actor is minted anew, because its dots may already be known to peers.
 *
 * The caller owns the thread: it lets all waiting messages in, then calls `apply` and `commit`, until `apply` finds
 * nothing. The queue is bounded by the sender (store-client.ts).
 */
export interface GroupCommitParts {
  /** The node's own keys. */
  readonly data: Database;
  /** Keys kept for other owners; each write touches exactly one of the two. */
  readonly hints: Database;
  readonly pipe: MessagePipe;
  readonly hash: Digester;
  readonly random: Random;
  readonly clock: Clock;
  readonly limits: StorageLimits;
  /** See merkle/tree-writer.ts; its own default where undefined. */
  readonly changesPerFold?: number;
}

/** A batch ends at the queue's end, or once it holds this many bytes of commands. */
export const BATCH_BYTES_MAX = 4 * 1024 * 1024;

export class GroupCommit {
  readonly #parts: GroupCommitParts;
  readonly #mint: ActorMint;
  readonly #tools: CoordinationTools;
  readonly #tree: TreeWriter;
  readonly #hintBudget: HintBudget;
  readonly #hintChanges: HintChanges;
  readonly #life: StoreLife;
  readonly #tombstones: TombstoneCounter;
  readonly #watch: RowWatch;
  /** Of the next batch; below Infinity after one that met damage. */
  #writesMax = Infinity;
  /** Failed for damage while it was alone in its batch. */
  #triedAlone: QueuedWrite | undefined;
  #queue: QueuedWrite[] = [];
  #next = 0;
  #open: Batch | undefined;

  constructor(parts: GroupCommitParts) {
    this.#parts = parts;
    this.#mint = new ActorMint(drawId(parts.random));
    this.#tree = new TreeWriter(parts.data, parts.changesPerFold);
    this.#tools = { mint: this.#mint, limits: parts.limits, hash: parts.hash };
    this.#life = new StoreLife(parts.data, parts.random, parts.hints);
    this.#tombstones = new TombstoneCounter(parts.data, this.#life.tombstonesFound);
    this.#watch = new RowWatch(() => drawId(parts.random));
    this.#hintBudget = new HintBudget(parts.hints, parts.limits.hintBytesMax);
    this.#hintChanges = new HintChanges(parts, this.#hintBudget);
    parts.pipe.onMessage((message) => this.#receive(message));
  }

  /** What data.db said of itself when this engine was made. */
  get opened(): OpenedStore {
    return this.#life.opened;
  }

  /** What data.db keeps, as of the last commit. */
  get tombstones(): TombstoneCount {
    return this.#tombstones.kept;
  }

  /** Writes that wait for a batch. */
  get waiting(): number {
    return this.#queue.length - this.#next;
  }

  /** Begins the next batch, applies it and hands out the merged records. False where nothing waits. */
  apply(): boolean {
    invariant(this.#open === undefined, "a batch was begun before the last one was committed");
    if (this.waiting === 0) return false;
    const batch = this.#cut();
    this.#open = batch;
    try {
      const merged = this.#applyAll(batch);
      if (merged.length > 0) this.#parts.pipe.post(encodeMerged(merged));
      batch.data.flush(this.#parts.hash);
      batch.hints.flush(this.#parts.hash);
      if (batch.data.changed) this.#life.advance(this.#tombstones.now);
      if (batch.hints.changed) this.#life.hints.advance();
    } catch (error) {
      this.#open = undefined;
      if (this.#isWorthAgain(batch, error)) this.#halve(batch);
      else this.#fail(batch, error);
    }
    return true;
  }

  /** Makes the open batch durable, if there is one, and only then releases its acknowledgements. */
  commit(): void {
    const batch = this.#open;
    if (batch === undefined) return;
    this.#open = undefined;
    try {
      if (batch.hints.touched) batch.hintBytes = batch.hints.database.usedBytes();
      batch.data.commit();
      this.#life.committed();
      this.#tombstones.committed();
      batch.isDataKept = true;
      batch.hints.commit();
      this.#life.hints.committed();
    } catch (error) {
      this.#fail(batch, error);
      return;
    }
    this.#writesMax *= 2;
    this.#release(batch, undefined);
  }

  #receive(message: Uint8Array): void {
    const { firstCall, commands } = decodeWrites(message);
    for (let i = 0; i < commands.length; i++)
      this.#queue.push({ call: firstCall + i, command: commands[i]! });
  }

  #cut(): Batch {
    let bytes = 0;
    let end = this.#next;
    const last = Math.min(this.#queue.length, this.#next + this.#writesMax);
    while (end < last && bytes < BATCH_BYTES_MAX) bytes += commandBytes(this.#queue[end++]!.command);
    const writes = this.#queue.slice(this.#next, end);
    this.#next = end;
    if (end === this.#queue.length) {
      this.#queue = [];
      this.#next = 0;
    }
    const { data, hints, clock } = this.#parts;
    const startMs = clock.monotonicMs();
    const followers = { tree: this.#tree, tombstones: this.#tombstones, watch: this.#watch };
    const tables = {
      data: new BatchTable(data, followers),
      hints: new BatchTable(hints, { watch: this.#watch }),
    };
    this.#hintBudget.startBatch();
    const facts = { hintsRefused: 0, hintBytes: undefined, isDataKept: false };
    return { startMs, writes, bytes, ...tables, results: [], answers: [], ...facts };
  }

  #applyAll(batch: Batch): { call: number; result: Merged }[] {
    const merged: { call: number; result: Merged }[] = [];
    for (const { call, command } of batch.writes) {
      if (command.kind !== "coordinate" && command.kind !== "store") {
        batch.results.push(this.#applySpecial(batch, command, call));
        continue;
      }
      const { keptFor, position } = command.kind === "coordinate" ? command.write : command.incoming;
      const table = keptFor.length > 0 ? batch.hints : batch.data;
      let { row, checked } = this.#before(table, position);
      if (command.kind === "store") {
        let arrived = applyIncoming(checked, command.incoming, this.#parts.hash);
        if (isCollision(arrived)) {
          ({ row, checked } = this.#ownBefore(table, position));
          arrived = applyIncoming(checked, command.incoming, this.#parts.hash);
        }
        const applied = this.#withinBudget(batch, { table, row, applied: arrived });
        batch.results.push(keep(table, row, applied, command.incoming.rewrite));
        continue;
      }
      let coordinated = this.#coordinate(checked, command.write);
      if (isCollision(coordinated)) {
        ({ row, checked } = this.#ownBefore(table, position));
        coordinated = this.#coordinate(checked, command.write);
      }
      const applied = this.#withinBudget(batch, { table, row, applied: coordinated });
      batch.results.push(keep(table, row, applied));
      merged.push({ call, result: handedOut(applied) });
    }
    return merged;
  }

  /** What a write changes. A row that rotted is not taken for its key's where its record and its column name another place. */
  #before(table: BatchTable, position: Uint8Array): RowBefore {
    const row = table.read(position);
    const checked = checkRow(row, this.#parts.hash);
    return checked.state === "corrupt" ? this.#ownBefore(table, position) : { row, checked };
  }

  #ownBefore(table: BatchTable, position: Uint8Array): RowBefore {
    const row = table.readOwn(position, this.#parts.hash);
    return { row, checked: this.#check(table, row) };
  }

  #coordinate(before: CheckedRow, write: CoordinatedWrite): Coordinated {
    // Not before the row was read: to begin the transaction may be what took so long.
    const isLate = this.#parts.clock.monotonicMs() > (write.mintBeforeMs ?? Infinity);
    return isLate ? tooLate : applyCoordinated(before, write, this.#tools);
  }

  /** What is no client's or replica's record. */
  #applySpecial(
    batch: Batch,
    command: Exclude<WriteCommand, { kind: "coordinate" | "store" }>,
    call: number,
  ): Stored {
    switch (command.kind) {
      case "rebuild":
        batch.data.rebuildLeaves(command.leaves, this.#parts.hash);
        return stored;
      case "reread":
        batch.data.reread(command.leaf);
        return stored;
      case "identity":
        this.#life.change(command.identity);
        batch.data.change();
        return stored;
      case "accept_hints":
        this.#life.hints.accept();
        batch.data.change();
        return stored;
      case "count_tombstones":
        batch.data.countTombstones(this.#parts.hash);
        return stored;
      case "drop":
        dropRows(batch, command.rows, this.#parts.hash);
        return stored;
      case "mend":
        return this.#hintChanges.mend(batch, command.place);
      case "forget":
      case "mark":
        return this.#hintChanges.changeOwners(batch, command);
      case "ask_sealed":
        batch.answers.push({ call, answer: answerSealed(command.question, this.#sealTables(batch)) });
        return stored;
      case "seal":
        batch.answers.push({ call, answer: sealRows(command.rows, this.#sealTables(batch)) });
        return stored;
    }
  }

  #sealTables({ data, hints }: Batch): SealTables {
    const check: SealTables["check"] = (table, row) => this.#check(table, row);
    return { data, hints, check, watch: this.#watch, hash: this.#parts.hash, clock: this.#parts.clock };
  }

  #withinBudget<T extends Coordinated | MergedRow>(
    batch: Batch,
    { table, row, applied }: { table: BatchTable; row: StoredRow | undefined; applied: T },
  ): T | Refused {
    if (table !== batch.hints || applied.outcome === "refused" || applied.row === undefined) return applied;
    const refusal = this.#hintBudget.refusalOf(row, applied.row, "copy");
    if (refusal === undefined) return applied;
    batch.hintsRefused += 1;
    return { outcome: "refused", code: refusal.code, message: refusal.message };
  }

  #check(table: BatchTable, row: StoredRow | undefined): CheckedRow {
    const checked = checkRow(row, this.#parts.hash);
    if (checked.state === "corrupt") table.foundCorrupt(row!);
    return checked;
  }

  #release(batch: Batch, failed: BatchFacts["failure"]): void {
    const { data, hints, answers } = batch;
    if (failed === undefined && answers.length > 0) this.#parts.pipe.post(encodeAnswered(answers));
    const facts: BatchFacts = {
      writes: batch.writes.length,
      bytes: batch.bytes,
      durationMs: Math.max(0, this.#parts.clock.monotonicMs() - batch.startMs),
      rowsAdded: rowsAdded(batch, failed === undefined),
      rowsCounted: rowsCounted(batch, failed === undefined),
      rowsDisplaced: rowsDisplaced(batch, failed === undefined),
      dataRowsCorrupt: data.rowsCorrupt,
      hintRowsCorrupt: hints.rowsCorrupt,
      areRowsRestored: data.areRowsRestored || hints.areRowsRestored,
      hintsRefused: batch.hintsRefused,
      hintBytes: batch.hintBytes,
      tombstones: this.#tombstones.kept,
      failure: failed,
      at: this.#life.point,
    };
    this.#parts.pipe.post(encodeSettled(facts, runsOf(batch)));
  }

  /**
   * One write that meets a damaged page must not fail the others, nor itself where a database mends its indexes in its next
   * transaction. Once records were handed out it is too late.
   */
  #isWorthAgain({ writes, results }: Batch, error: unknown): boolean {
    const isDamage = error instanceof DatabaseFailure && error.code === "damaged";
    return (
      isDamage && results.length < writes.length && (writes.length > 1 || writes[0] !== this.#triedAlone)
    );
  }

  /** Until it is alone: a few more commits for one such write, however many there are beside it. */
  #halve(batch: Batch): void {
    this.#rollback(batch);
    if (batch.writes.length === 1) this.#triedAlone = batch.writes[0];
    this.#queue = [...batch.writes, ...this.#queue.slice(this.#next)];
    this.#next = 0;
    this.#writesMax = Math.ceil(batch.writes.length / 2);
  }

  #rollback({ data, hints }: Batch): void {
    for (const table of [data, hints]) table.rollback();
    this.#mint.renew(drawId(this.#parts.random));
    this.#life.failed();
    this.#tombstones.failed();
    this.#life.hints.failed();
  }

  /** Nothing of the batch is kept, or at least nobody may count on it. Anything but a failing disk is a bug: thrown. */
  #fail(batch: Batch, error: unknown): void {
    this.#rollback(batch);
    if (!(error instanceof DatabaseFailure)) throw error;
    const code = error.code === "disk_full" ? "read_only" : "storage_failed";
    const result = failure(code, error.message);
    batch.results.length = 0;
    for (const _ of batch.writes) batch.results.push(result);
    this.#release(batch, { code: error.code, message: error.message });
  }
}

interface RowBefore {
  readonly row: StoredRow | undefined;
  readonly checked: CheckedRow;
}

/** Writes the row that came of a command, where one did. */
function keep(
  table: BatchTable,
  before: StoredRow | undefined,
  applied: Coordinated | MergedRow,
  rewrite = false,
): Stored {
  if (applied.outcome === "refused") return failure(applied.code, applied.message);
  if (applied.row !== undefined) {
    table.replace(before, applied.row, rewrite);
    table.addTombstones(applied.row.position, applied.tombstonesAdded);
  }
  return stored;
}

function handedOut(applied: Coordinated): Merged {
  if (applied.outcome === "refused") return failure(applied.code, applied.message);
  return { ok: true, record: applied.record, dot: applied.dot };
}

function failure(code: StoreFailureCode, message: string) {
  return { ok: false, code, message } as const;
}
