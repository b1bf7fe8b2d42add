import type { StoredRow } from "../../../node/core/ports/database.ts";
import type { SeededRandom } from "./seeded-random.ts";
import type { TreeByName, TreeChangesByName, TreePart } from "./simulated-tree.ts";

export type Rows = ReadonlyMap<string, StoredRow>;
export type Changes = ReadonlyMap<string, StoredRow | undefined>;

/** What one transaction changes. */
export interface Transaction {
  readonly rows: Changes;
  readonly tree: TreeChangesByName;
}

/** All that is in a file. */
export interface FileImage {
  readonly rows: Rows;
  readonly tree: TreeByName;
}

export const emptyFile: FileImage = { rows: new Map(), tree: new Map() };

/**
 * One database file on a node's disk: what a power cut leaves. A process sees more (its open transaction and the
 * commit that is being synced, simulated-database.ts), but only what is in `rows` survives it.
 */
export class DatabaseFile {
  #rows = new Map<string, StoredRow>();
  #tree = new Map<string, TreePart>();
  #revision = 0;
  /** The next so many reads of rows fail with io_error, whoever reads. */
  failingReads = 0;
  /** Told of every commit whose sync has come to its end, before its rows are here. */
  onSynced: (changes: Changes) => void = () => undefined;
  /** A commit that is being synced: it may or may not survive a crash, as a whole. */
  #syncing: Transaction | undefined;
  /** A commit whose sync failed: its frames may lie in the log and be found at the next start. */
  #ghost: Transaction | undefined;

  get rows(): Rows {
    return this.#rows;
  }

  get tree(): TreeByName {
    return this.#tree;
  }

  /** Another number after everything that changes rows or tree. */
  get revision(): number {
    return this.#revision;
  }

  get isSyncing(): boolean {
    return this.#syncing !== undefined;
  }

  syncStarted(transaction: Transaction): void {
    this.#syncing = transaction;
  }

  synced(transaction: Transaction): void {
    this.#syncing = undefined;
    this.#ghost = undefined;
    this.onSynced(transaction.rows);
    this.#apply(transaction);
  }

  syncFailed(transaction: Transaction): void {
    this.#syncing = undefined;
    this.#ghost = transaction;
  }

  /** The process or the power is gone. Returns whether a commit under way survived, undefined where none was. */
  crash(random: SeededRandom, { kept }: { kept: number }): boolean | undefined {
    const ghost = this.#ghost !== undefined && random.chance(0.5) ? this.#ghost : undefined;
    this.#ghost = undefined;
    const syncing = this.#syncing;
    this.#syncing = undefined;
    const survives = syncing === undefined ? undefined : random.chance(kept);
    // A later commit overwrites the frames of the failed one: never both.
    if (survives === true) this.#apply(syncing!);
    else if (ghost !== undefined) this.#apply(ghost);
    return survives;
  }

  snapshot(): FileImage {
    return { rows: new Map(this.#rows), tree: new Map(this.#tree) };
  }

  restore({ rows, tree }: FileImage): void {
    this.#rows = new Map(rows);
    this.#tree = new Map(tree);
    this.#revision += 1;
    this.#ghost = undefined;
    this.#syncing = undefined;
  }

  loseRow(at: string): void {
    this.#rows.delete(at);
    this.#revision += 1;
  }

  /** One bit of the record rots; the digest beside it does not follow. */
  flipBit(at: string, random: SeededRandom): void {
    const row = this.#rows.get(at);
    if (row === undefined || row.record.length === 0) return;
    const record = row.record.slice();
    const index = random.below(record.length);
    record[index] = record[index]! ^ (1 << random.below(8));
    this.#rows.set(at, { ...row, record });
    this.#revision += 1;
  }

  /** One bit of the Merkle tree's leaves rots, in a block or in a list of changes. Returns whether there was one. */
  rotLeaves(random: SeededRandom): boolean {
    const parts = [...this.#tree].filter(([, part]) => bytesOfPart(part).length > 0).sort(byName);
    if (parts.length === 0) return false;
    this.#revision += 1;
    const [name, part] = random.pick(parts);
    const bytes = bytesOfPart(part).slice();
    const index = random.below(bytes.length);
    bytes[index] = bytes[index]! ^ (1 << random.below(8));
    if (part.kind === "block") this.#tree.set(name, { ...part, block: { ...part.block, leaves: bytes } });
    if (part.kind === "changes")
      this.#tree.set(name, { ...part, changes: { ...part.changes, changes: bytes } });
    return true;
  }

  /** One bit of what a block says of all its leaves rots, its root: leaves and lists are as they were. */
  rotRoot(random: SeededRandom): boolean {
    const blocks = [...this.#tree].filter(([, part]) => part.kind === "block").sort(byName);
    if (blocks.length === 0) return false;
    this.#revision += 1;
    const [name, part] = random.pick(blocks);
    if (part.kind !== "block") return false;
    const root = part.block.root.slice();
    const index = random.below(root.length);
    root[index] = root[index]! ^ (1 << random.below(8));
    this.#tree.set(name, { ...part, block: { ...part.block, root } });
    return true;
  }

  #apply({ rows, tree }: Transaction): void {
    applyTo(this.#rows, rows);
    applyTo(this.#tree, tree);
    this.#revision += 1;
  }
}

export function applyTo<T>(target: Map<string, T>, changes: ReadonlyMap<string, T | undefined>): void {
  for (const [at, value] of changes) {
    if (value === undefined) target.delete(at);
    else target.set(at, value);
  }
}

function bytesOfPart(part: TreePart): Uint8Array {
  if (part.kind === "block") return part.block.leaves;
  return part.kind === "changes" ? part.changes.changes : new Uint8Array(0);
}

function byName([left]: [string, TreePart], [right]: [string, TreePart]): number {
  return left < right ? -1 : 1;
}

/** A node's volume: two databases and the ring, and what ails them just now. */
export class SimulatedDisk {
  readonly data = new DatabaseFile();
  readonly hints = new DatabaseFile();
  ring: Uint8Array | undefined;
  ringSaving: Uint8Array | undefined;
  acknowledgements: Uint8Array | undefined;
  /** Commits fail with disk_full until this virtual time. */
  fullUntilMs = 0;
  /** The next so many commits fail with io_error. */
  failingCommits = 0;
  /** What the latency of a commit is multiplied with, until `slowUntilMs`. */
  slowness = 1;
  slowUntilMs = 0;

  /** `kept`: the probability that a commit under way survives (page cache: a kill keeps it, a power cut rarely). */
  crash(random: SeededRandom, kept: { kept: number }): boolean[] {
    if (this.ringSaving !== undefined && random.chance(kept.kept)) this.ring = this.ringSaving;
    this.ringSaving = undefined;
    const outcomes = [this.data.crash(random, kept), this.hints.crash(random, kept)];
    return outcomes.filter((survived) => survived !== undefined);
  }
}

/** A row's place as a map key. */
export function placeOf(position: Uint8Array): string {
  let text = "";
  for (const byte of position) text += String.fromCharCode(byte);
  return text;
}
