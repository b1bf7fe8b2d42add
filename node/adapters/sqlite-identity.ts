import type Sqlite from "better-sqlite3";
import type { StoreIdentity } from "../core/ports/database.ts";
import type { TombstoneCount } from "../core/ports/tombstone-store.ts";
import { toDatabaseFailure } from "./sqlite-failure.ts";

/**
 * What a database says of itself (storage/store-life.ts), as one row. Every commit writes it, so where it lies matters:
 * in a table of its own it would be one page of 4 KiB more for each commit, a quarter of what a lone put writes. It is
 * the last row of the list of changes, on the page that every commit writes anyway.
 */
export const IDENTITY_SEQ = Number.MAX_SAFE_INTEGER;

export class SqliteIdentity {
  readonly #file: string;
  readonly #read: Sqlite.Statement;
  readonly #write: Sqlite.Statement;

  constructor(connection: Sqlite.Database, file: string) {
    this.#file = file;
    this.#read = connection.prepare(`SELECT changes FROM merkle_changes WHERE seq = ${IDENTITY_SEQ}`).pluck();
    this.#write = connection.prepare(
      `INSERT INTO merkle_changes (seq, changes) VALUES (${IDENTITY_SEQ}, ?)
       ON CONFLICT (seq) DO UPDATE SET changes = excluded.changes`,
    );
  }

  /** Undefined where it was never written or has rotted: then the file counts as new. Throws DatabaseFailure. */
  read(): StoreIdentity | undefined {
    try {
      const stored = this.#read.get();
      return Buffer.isBuffer(stored) ? identityOf(stored.toString("utf8")) : undefined;
    } catch (error) {
      throw toDatabaseFailure(error, this.#file);
    }
  }

  /** Throws DatabaseFailure. */
  write({ storeId, sequence, recovering, lostStores, isNew, hints, tombstones }: StoreIdentity): void {
    const told = { storeId, sequence, recovering, lostStores, isNew, hints, tombstones };
    try {
      this.#write.run(Buffer.from(JSON.stringify(told), "utf8"));
    } catch (error) {
      throw toDatabaseFailure(error, this.#file);
    }
  }
}

function identityOf(text: string): StoreIdentity | undefined {
  try {
    const parsed = JSON.parse(text) as Partial<StoreIdentity>;
    const { storeId, sequence, recovering, lostStores, hints } = parsed;
    if (typeof storeId !== "string" || typeof recovering !== "boolean" || !Array.isArray(lostStores))
      return undefined;
    if (!Number.isSafeInteger(sequence) || !lostStores.every((each) => typeof each === "string"))
      return undefined;
    const tombstones = tombstonesOf(parsed);
    const kept = { storeId, sequence: sequence!, recovering, lostStores };
    const told = parsed.isNew === true ? { ...kept, isNew: true } : kept;
    const known = tombstones === undefined ? told : { ...told, tombstones };
    const isPoint = typeof hints?.storeId === "string" && Number.isSafeInteger(hints.sequence);
    return isPoint ? { ...known, hints: { storeId: hints.storeId, sequence: hints.sequence } } : known;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function tombstonesOf({ tombstones }: Partial<StoreIdentity>): TombstoneCount | undefined {
  if (!Number.isSafeInteger(tombstones?.count) || tombstones!.count < 0) return undefined;
  return typeof tombstones!.inDoubt === "boolean" ? tombstones : undefined;
}
