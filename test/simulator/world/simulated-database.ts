import { invariant } from "../../../node/core/invariant.ts";
import { type Database, DatabaseFailure, type StoredRow } from "../../../node/core/ports/database.ts";
import type { SeededRandom } from "./seeded-random.ts";
import { type Changes, type DatabaseFile, placeOf, type SimulatedDisk } from "./simulated-disk.ts";
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
  readonly #file: DatabaseFile;
  readonly #disk: SimulatedDisk;
  readonly #thread: VirtualThread;
  readonly #random: SeededRandom;
  readonly #hooks: DatabaseHooks;
  #open: Map<string, StoredRow | undefined> | undefined;
  /** Commits of the running job whose sync lies in this thread's past and the world's future. */
  readonly #unsynced: Changes[] = [];

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
  }

  begin(): void {
    invariant(this.#open === undefined, "a transaction is already open");
    this.#open = new Map();
    this.#spend(0.005);
  }

  commit(): void {
    const changes = this.#open;
    invariant(changes !== undefined, "commit without a transaction");
    const startsAtMs = this.#thread.localMs;
    const durationMs = this.#commitMs();
    const failure = this.#failureAt(startsAtMs);
    if (changes.size > 0) {
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
    return copyOf(this.#find(placeOf(position)));
  }

  write(row: StoredRow): void {
    invariant(this.#open !== undefined, "write without a transaction");
    invariant(row.position.length === 16 && row.digest.length === 16, "positions and digests have 16 bytes");
    this.#spend(0.01);
    const copy = copyOf(row)!;
    this.#hooks.wrote(copy);
    this.#open.set(placeOf(row.position), copy);
  }

  remove(position: Uint8Array): void {
    invariant(this.#open !== undefined, "remove without a transaction");
    this.#open.set(placeOf(position), undefined);
  }

  scan(after: Uint8Array | undefined, limit: number): StoredRow[] {
    return scanOf(this.#view(), after, limit);
  }

  positionsKeptFor(owner: string, after: Uint8Array | undefined, limit: number): Uint8Array[] {
    return positionsOf(this.#view(), owner, after).slice(0, limit);
  }

  count(): number {
    return this.#view().size;
  }

  #find(place: string): StoredRow | undefined {
    if (this.#open?.has(place) === true) return this.#open.get(place);
    const commit = this.#unsynced.findLast((changes) => changes.has(place));
    return commit === undefined ? this.#file.rows.get(place) : commit.get(place);
  }

  #view(): Map<string, StoredRow> {
    const view = new Map(this.#file.rows);
    for (const changes of [...this.#unsynced, ...(this.#open === undefined ? [] : [this.#open])]) {
      for (const [place, row] of changes) {
        if (row === undefined) view.delete(place);
        else view.set(place, row);
      }
    }
    return view;
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

/** A reader's connection: what is durable at the reader's moment, and nothing to write with. */
export class SimulatedReaderDatabase implements Database {
  readonly #file: DatabaseFile;
  readonly #thread: VirtualThread;

  constructor(file: DatabaseFile, thread: VirtualThread) {
    this.#file = file;
    this.#thread = thread;
  }

  begin(): void {}

  commit(): void {}

  rollback(): void {}

  read(position: Uint8Array): StoredRow | undefined {
    this.#thread.spend(0.005);
    return copyOf(this.#file.rows.get(placeOf(position)));
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

  count(): number {
    return this.#file.rows.size;
  }
}

function scanOf(
  rows: ReadonlyMap<string, StoredRow>,
  after: Uint8Array | undefined,
  limit: number,
): StoredRow[] {
  const from = after === undefined ? undefined : placeOf(after);
  const places = [...rows.keys()].filter((place) => from === undefined || place > from).sort();
  return places.slice(0, limit).map((place) => copyOf(rows.get(place))!);
}

function positionsOf(
  rows: ReadonlyMap<string, StoredRow>,
  owner: string,
  after: Uint8Array | undefined,
): Uint8Array[] {
  const kept = scanOf(rows, after, rows.size).filter(({ keptFor }) => keptFor.includes(owner));
  return kept.map(({ position }) => position);
}

/** Databases hand out bytes of their own: nobody can change a row by writing into what they were given. */
function copyOf(row: StoredRow | undefined): StoredRow | undefined {
  if (row === undefined) return undefined;
  return {
    position: row.position.slice(),
    record: row.record.slice(),
    digest: row.digest.slice(),
    mine: row.mine.slice(),
    keptFor: [...row.keptFor],
  };
}
