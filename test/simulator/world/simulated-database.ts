import { invariant } from "../../../node/core/invariant.ts";
import {
  type Database,
  DatabaseFailure,
  type StoredRow,
  type StoreIdentity,
} from "../../../node/core/ports/database.ts";
import type { RowDigest } from "../../../node/core/ports/merkle-store.ts";
import type { SeededRandom } from "./seeded-random.ts";
import {
  applyTo,
  type DatabaseFile,
  placeOf,
  type SimulatedDisk,
  type Transaction,
} from "./simulated-disk.ts";
import { countKeptIn } from "./kept-counts.ts";
import { OverlaidTree, type TreePart } from "./simulated-tree.ts";
import type { VirtualThread } from "./virtual-thread.ts";

export interface DatabaseHooks {
  /** Before a row enters a transaction, committed or not. */
  wrote(row: StoredRow): void;
  /** A commit starts that will last `durationMs`: the moment to pull the plug. */
  committing(durationMs: number): void;
  commitFailed(): void;
}

/**
 * The writer's connection to a database file, on the writer's virtual thread. `commit` spends what the sync takes:
 * the code goes on at once, but its later effects happen after that time, and so does the row's becoming durable.
 */
export class SimulatedDatabase implements Database {
  readonly tree: OverlaidTree;
  readonly #file: DatabaseFile;
  readonly #disk: SimulatedDisk;
  readonly #thread: VirtualThread;
  readonly #random: SeededRandom;
  readonly #hooks: DatabaseHooks;
  #open: OpenTransaction | undefined;
  /** Commits of the running job whose sync lies in this thread's past and the world's future. */
  readonly #unsynced: Transaction[] = [];

  constructor(options: {
    file: DatabaseFile;
    disk: SimulatedDisk;
    thread: VirtualThread;
    random: SeededRandom;
    hooks: DatabaseHooks;
  }) {
    this.#file = options.file;
    this.#disk = options.disk;
    this.#thread = options.thread;
    this.#random = options.random;
    this.#hooks = options.hooks;
    this.tree = new OverlaidTree({
      layers: () => [this.#file.tree, ...this.#later().map(({ tree }) => tree)],
      open: () => this.#open?.tree,
    });
  }

  begin(): void {
    invariant(this.#open === undefined, "a transaction is already open");
    this.#open = { rows: new Map(), tree: new Map() };
    this.#spend(0.005);
  }

  commit(): void {
    const changes = this.#open;
    invariant(changes !== undefined, "commit without a transaction");
    const startsAtMs = this.#thread.localMs;
    const durationMs = this.#commitMs();
    const failure = this.#failureAt(startsAtMs);
    if (changes.rows.size > 0 || changes.tree.size > 0) {
      this.#thread.effect(
        () => {
          this.#file.syncStarted(changes);
          this.#hooks.committing(durationMs);
        },
        { detached: true },
      );
    }
    this.#thread.spend(durationMs);
    if (failure !== undefined) {
      this.#thread.effect(() => this.#file.syncFailed(changes), { detached: true });
      this.#hooks.commitFailed();
      throw failure;
    }
    this.#open = undefined;
    this.#unsynced.push(changes);
    this.#thread.effect(
      () => {
        this.#file.synced(changes);
        this.#unsynced.splice(this.#unsynced.indexOf(changes), 1);
      },
      { detached: true },
    );
  }

  rollback(): void {
    this.#open = undefined;
  }

  read(position: Uint8Array): StoredRow | undefined {
    this.#spend(0.005);
    failIfAiling(this.#file);
    return this.#find(placeOf(position));
  }

  positionInRow(position: Uint8Array): Uint8Array | undefined {
    return this.#find(placeOf(position))?.position;
  }

  write(row: StoredRow): void {
    invariant(this.#open !== undefined, "write without a transaction");
    invariant(row.position.length === 16 && row.digest.length === 16, "positions and digests have 16 bytes");
    this.#spend(0.01);
    const copy = copyOf(row);
    this.#hooks.wrote(copy);
    this.#open.rows.set(placeOf(row.position), copy);
  }

  remove(position: Uint8Array): void {
    invariant(this.#open !== undefined, "remove without a transaction");
    this.#open.rows.set(placeOf(position), undefined);
  }

  scan(after: Uint8Array | undefined, limit: number): StoredRow[] {
    return scanOf(this.#view(), after, limit);
  }

  positionsKeptFor(owner: string, after: Uint8Array | undefined, limit: number): Uint8Array[] {
    return positionsOf(this.#view(), owner, after).slice(0, limit);
  }

  digests(after: Uint8Array, before: Uint8Array, limit: number): RowDigest[] {
    this.#spend(0.005);
    return digestsOf(this.#view(), after, before, limit);
  }

  eachDigest(visit: (position: Uint8Array, digest: Uint8Array) => void): void {
    for (const { position, digest } of this.#view().values()) visit(position, digest);
  }

  rebuildIndexes(): void {
    // There are none.
  }

  forgetPages(): void {
    // There is no other memory than the disk.
  }

  takeRebuilt(): undefined {
    return undefined;
  }

  count(): number {
    return this.#view().size;
  }

  countKept(): ReturnType<typeof countKeptIn> {
    return countKeptIn(this.#view().values());
  }

  usedBytes(): number {
    return bytesOf(this.#view());
  }

  identity(): StoreIdentity | undefined {
    return this.tree.identity();
  }

  writeIdentity(identity: StoreIdentity): void {
    this.tree.writeIdentity(identity);
  }

  #find(place: string): StoredRow | undefined {
    const latest = this.#later().findLast(({ rows }) => rows.has(place));
    return latest === undefined ? this.#file.rows.get(place) : latest.rows.get(place);
  }

  #view(): Map<string, StoredRow> {
    const view = new Map(this.#file.rows);
    for (const { rows } of this.#later()) applyTo(view, rows);
    return view;
  }

  /** What this connection sees beyond the disk, oldest first. */
  #later(): readonly Transaction[] {
    return this.#open === undefined ? this.#unsynced : [...this.#unsynced, this.#open];
  }

  #commitMs(): number {
    const slow = this.#thread.localMs < this.#disk.slowUntilMs ? this.#disk.slowness : 1;
    return this.#random.skewed(0.2, 5) * slow;
  }

  #failureAt(timeMs: number): DatabaseFailure | undefined {
    if (timeMs < this.#disk.fullUntilMs) return new DatabaseFailure("disk_full", "database or disk is full");
    if (this.#disk.failingCommits === 0) return undefined;
    this.#disk.failingCommits -= 1;
    return new DatabaseFailure("io_error", "disk I/O error");
  }

  #spend(durationMs: number): void {
    this.#thread.spend(durationMs);
  }
}

interface OpenTransaction extends Transaction {
  readonly rows: Map<string, StoredRow | undefined>;
  readonly tree: Map<string, TreePart | undefined>;
}

/** A reader's connection: what is durable at the reader's moment, and nothing to write with. */
export class SimulatedReaderDatabase implements Database {
  readonly tree: OverlaidTree;
  readonly #file: DatabaseFile;
  readonly #thread: VirtualThread;

  constructor(file: DatabaseFile, thread: VirtualThread) {
    this.tree = new OverlaidTree({ layers: () => [file.tree], open: () => undefined });
    this.#file = file;
    this.#thread = thread;
  }

  begin(): void {}

  commit(): void {}

  rollback(): void {}

  read(position: Uint8Array): StoredRow | undefined {
    this.#thread.spend(0.005);
    failIfAiling(this.#file);
    return this.#file.rows.get(placeOf(position));
  }

  positionInRow(position: Uint8Array): Uint8Array | undefined {
    return this.#file.rows.get(placeOf(position))?.position;
  }

  write(): void {
    throw new DatabaseFailure("not_writable", "attempt to write a readonly database");
  }

  remove(): void {
    throw new DatabaseFailure("not_writable", "attempt to write a readonly database");
  }

  scan(after: Uint8Array | undefined, limit: number): StoredRow[] {
    return scanOf(this.#file.rows, after, limit);
  }

  positionsKeptFor(owner: string, after: Uint8Array | undefined, limit: number): Uint8Array[] {
    this.#thread.spend(0.005);
    return positionsOf(this.#file.rows, owner, after).slice(0, limit);
  }

  digests(after: Uint8Array, before: Uint8Array, limit: number): RowDigest[] {
    this.#thread.spend(0.005);
    return digestsOf(this.#file.rows, after, before, limit);
  }

  eachDigest(visit: (position: Uint8Array, digest: Uint8Array) => void): void {
    for (const { position, digest } of this.#file.rows.values()) visit(position, digest);
  }

  rebuildIndexes(): void {
    // There are none.
  }

  forgetPages(): void {
    // There is no other memory than the disk.
  }

  takeRebuilt(): undefined {
    return undefined;
  }

  count(): number {
    return this.#file.rows.size;
  }

  countKept(): ReturnType<typeof countKeptIn> {
    return countKeptIn(this.#file.rows.values());
  }

  usedBytes(): number {
    return bytesOf(this.#file.rows);
  }

  identity(): StoreIdentity | undefined {
    return this.tree.identity();
  }

  writeIdentity(identity: StoreIdentity): void {
    this.tree.writeIdentity(identity);
  }
}

function failIfAiling(file: DatabaseFile): void {
  if (file.failingReads === 0) return;
  file.failingReads -= 1;
  throw new DatabaseFailure("io_error", "disk I/O error");
}

function bytesOf(rows: ReadonlyMap<string, StoredRow>): number {
  let bytes = 0;
  for (const { record } of rows.values()) bytes += 200 + record.length;
  return bytes;
}

function scanOf(
  rows: ReadonlyMap<string, StoredRow>,
  after: Uint8Array | undefined,
  limit: number,
): StoredRow[] {
  const from = after === undefined ? undefined : placeOf(after);
  const places = [...rows.keys()].filter((place) => from === undefined || place > from).sort();
  return places.slice(0, limit).map((place) => rows.get(place)!);
}

function positionsOf(
  rows: ReadonlyMap<string, StoredRow>,
  owner: string,
  after: Uint8Array | undefined,
): Uint8Array[] {
  const kept = scanOf(rows, after, rows.size).filter(({ keptFor }) =>
    owner === "" ? keptFor.length === 0 : keptFor.includes(owner),
  );
  return kept.map(({ position }) => position);
}

function digestsOf(
  rows: ReadonlyMap<string, StoredRow>,
  after: Uint8Array,
  before: Uint8Array,
  limit: number,
): RowDigest[] {
  const [from, to] = [placeOf(after), placeOf(before)];
  const places = [...rows.keys()].filter((place) => place > from && place < to).sort();
  return places.slice(0, limit).map((place) => {
    const { position, digest } = rows.get(place)!;
    return { position: position.slice(), digest: digest.slice() };
  });
}

/** A row keeps no bytes that belong to a message. Whoever reads it gets the row itself: its checksum guards it. */
function copyOf(row: StoredRow): StoredRow {
  return {
    position: row.position.slice(),
    record: row.record.slice(),
    digest: row.digest.slice(),
    mine: row.mine.slice(),
    keptFor: [...row.keptFor],
  };
}
