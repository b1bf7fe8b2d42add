import type {
  Database,
  DatabaseFailure,
  StoredRow,
  StoreIdentity,
} from "../../../../../node/core/ports/database.ts";
import type { RowDigest } from "../../../../../node/core/ports/merkle-store.ts";
import { countKeptIn } from "../../../../simulator/world/kept-counts.ts";
import { OverlaidTree, type TreeByName, type TreePart } from "../../../../simulator/world/simulated-tree.ts";

/** A database in memory that keeps what was committed through a crash, and fails when told to. */
export class MemoryDatabase implements Database {
  #committed = new Map<string, StoredRow>();
  #open: Map<string, StoredRow> | undefined;
  #committedTree: TreeByName = new Map();
  #openTree: Map<string, TreePart | undefined> | undefined;
  readonly tree = new OverlaidTree({
    layers: () => [this.#committedTree, ...(this.#openTree === undefined ? [] : [this.#openTree])],
    open: () => this.#openTree,
  });
  /** The next call of that name throws. */
  failNext: { at: "begin" | "read" | "write" | "commit"; failure: DatabaseFailure } | undefined;
  commits = 0;

  begin(): void {
    this.#failAt("begin");
    if (this.#open !== undefined) throw new Error("nested transaction");
    this.#open = new Map(this.#committed);
    this.#openTree = new Map();
  }

  commit(): void {
    this.#failAt("commit");
    if (this.#open === undefined) throw new Error("no transaction to commit");
    this.#committedTree = this.tree.merged();
    this.#committed = this.#open;
    this.rollback();
    this.commits += 1;
  }

  rollback(): void {
    this.#open = undefined;
    this.#openTree = undefined;
  }

  /** Power is lost: what was not committed is gone. */
  crash(): void {
    this.rollback();
  }

  read(position: Uint8Array): StoredRow | undefined {
    this.#failAt("read");
    return (this.#open ?? this.#committed).get(nameOf(position));
  }

  positionInRow(position: Uint8Array): Uint8Array | undefined {
    return (this.#open ?? this.#committed).get(nameOf(position))?.position;
  }

  write(row: StoredRow): void {
    this.#failAt("write");
    if (this.#open === undefined) throw new Error("a write outside a transaction");
    this.#open.set(nameOf(row.position), row);
  }

  remove(position: Uint8Array): void {
    (this.#open ?? this.#committed).delete(nameOf(position));
  }

  scan(after: Uint8Array | undefined, limit: number): StoredRow[] {
    const start = after === undefined ? "" : nameOf(after);
    const rows = [...(this.#open ?? this.#committed)].filter(([name]) => name > start);
    return rows
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .slice(0, limit)
      .map(([, row]) => row);
  }

  positionsKeptFor(owner: string, after: Uint8Array | undefined, limit: number): Uint8Array[] {
    const rows = this.scan(after, this.count()).filter(({ keptFor }) =>
      owner === "" ? keptFor.length === 0 : keptFor.includes(owner),
    );
    return rows.slice(0, limit).map(({ position }) => position);
  }

  digests(after: Uint8Array, before: Uint8Array, limit: number): RowDigest[] {
    const start = nameOf(after);
    const end = nameOf(before);
    const rows: [string, RowDigest][] = [];
    for (const [name, { position, digest }] of this.#open ?? this.#committed) {
      if (name > start && name < end) rows.push([name, { position, digest }]);
    }
    rows.sort(([a], [b]) => (a < b ? -1 : 1));
    return rows.slice(0, limit).map(([, row]) => row);
  }

  eachDigest(visit: (position: Uint8Array, digest: Uint8Array) => void): void {
    for (const { position, digest } of this.scan(undefined, this.count())) visit(position, digest);
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
    return (this.#open ?? this.#committed).size;
  }

  countKept(): ReturnType<typeof countKeptIn> {
    return countKeptIn((this.#open ?? this.#committed).values());
  }

  identity(): StoreIdentity | undefined {
    return this.tree.identity();
  }

  writeIdentity(identity: StoreIdentity): void {
    this.tree.writeIdentity(identity);
  }

  usedBytes(): number {
    let bytes = 0;
    for (const { record } of (this.#open ?? this.#committed).values()) bytes += 200 + record.length;
    return bytes;
  }

  /** Puts a row on the disk behind the engine's back. */
  plant(row: StoredRow): void {
    this.#committed.set(nameOf(row.position), row);
  }

  /** A row is gone, and nobody was told. */
  lose(position: Uint8Array): void {
    this.#committed.delete(nameOf(position));
  }

  /** The whole disk, to be put back later: a restored backup. */
  snapshot(): MemoryImage {
    return { rows: new Map(this.#committed), tree: this.#committedTree };
  }

  restore({ rows, tree }: MemoryImage): void {
    this.#committed = new Map(rows);
    this.#committedTree = tree;
  }

  #failAt(at: NonNullable<MemoryDatabase["failNext"]>["at"]): void {
    if (this.failNext?.at !== at) return;
    const { failure } = this.failNext;
    this.failNext = undefined;
    throw failure;
  }
}

export interface MemoryImage {
  readonly rows: ReadonlyMap<string, StoredRow>;
  readonly tree: TreeByName;
}

export const emptyImage: MemoryImage = { rows: new Map(), tree: new Map() };

function nameOf(position: Uint8Array): string {
  return Buffer.from(position).toString("hex");
}
