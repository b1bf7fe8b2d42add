import type Sqlite from "better-sqlite3";
import type { TreeBlock, TreeBlockHead, TreeChanges, TreeTables } from "../core/ports/database.ts";
import { IDENTITY_SEQ } from "./sqlite-identity.ts";
import { damagedFile, toDatabaseFailure } from "./sqlite-failure.ts";

/**
 * The tables of the Merkle tree behind the core's port, on the connection of the rows and hence in their
 * transactions. The small columns of a block stand before its leaves: heads are read without them.
 */
export class SqliteTree implements TreeTables {
  readonly #file: string;
  readonly #block: Sqlite.Statement;
  readonly #heads: Sqlite.Statement;
  readonly #writeBlock: Sqlite.Statement;
  readonly #changes: Sqlite.Statement;
  readonly #writeChanges: Sqlite.Statement;
  readonly #dropChanges: Sqlite.Statement;

  constructor(connection: Sqlite.Database, file: string) {
    this.#file = file;
    this.#block = connection
      .prepare("SELECT through, keys, root, leaves FROM merkle_block WHERE block = ?")
      .raw(true);
    this.#heads = connection
      .prepare(
        "SELECT block, through, keys, root FROM merkle_block WHERE block BETWEEN 0 AND 255 ORDER BY block",
      )
      .raw(true);
    this.#writeBlock = connection.prepare(
      `INSERT INTO merkle_block (block, through, keys, root, leaves) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (block) DO UPDATE SET through = excluded.through, keys = excluded.keys,
       root = excluded.root, leaves = excluded.leaves`,
    );
    this.#changes = connection
      .prepare(`SELECT seq, changes FROM merkle_changes WHERE seq > ? AND seq < ${IDENTITY_SEQ} ORDER BY seq`)
      .raw(true);
    this.#writeChanges = connection.prepare(
      `INSERT INTO merkle_changes (seq, changes) VALUES (?, ?)
       ON CONFLICT (seq) DO UPDATE SET changes = excluded.changes`,
    );
    this.#dropChanges = connection.prepare(
      `DELETE FROM merkle_changes WHERE seq <= ? AND seq < ${IDENTITY_SEQ}`,
    );
  }

  block(block: number): TreeBlock | undefined {
    const columns = this.#try(() => this.#block.get(block)) as
      [through: number, keys: number, root: Uint8Array, leaves: Uint8Array] | undefined;
    if (columns === undefined) return undefined;
    const [through, keys, root, leaves] = columns;
    this.#requireBytes(root, leaves);
    return { block, through, keys, root, leaves };
  }

  heads(): TreeBlockHead[] {
    const rows = this.#try(() => this.#heads.all()) as [number, number, number, Uint8Array][];
    return rows.map(([block, through, keys, root]) => {
      this.#requireBytes(root);
      return { block, through, keys, root };
    });
  }

  writeBlock({ block, through, keys, root, leaves }: TreeBlock): void {
    this.#try(() => this.#writeBlock.run(block, through, keys, root, leaves));
  }

  changes(after: number): TreeChanges[] {
    const rows = this.#try(() => this.#changes.all(after)) as [number, Uint8Array][];
    return rows.map(([seq, changes]) => {
      this.#requireBytes(changes);
      return { seq, changes };
    });
  }

  writeChanges({ seq, changes }: TreeChanges): void {
    this.#try(() => this.#writeChanges.run(seq, changes));
  }

  dropChanges(through: number): void {
    this.#try(() => this.#dropChanges.run(through));
  }

  /** A bit that rots in the header of a row makes its blobs something else. */
  #requireBytes(...values: readonly unknown[]): void {
    if (!values.every((value) => value instanceof Uint8Array)) throw damagedFile(this.#file, "its hash tree");
  }

  #try<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      throw toDatabaseFailure(error, this.#file);
    }
  }
}
