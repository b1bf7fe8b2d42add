import type Sqlite from "better-sqlite3";
import { DatabaseFailure } from "../core/ports/database.ts";
import { sealed } from "./sqlite-row.ts";

/**
 * The shape of data.db and hints.db, which is the same. A rowid table plus a unique index on the 16-byte position:
 * rows are appended, only the small index is written at random (measured: four times the inserts of a table that is
 * clustered on the position). The small columns stand before the record, so that they never lie on overflow pages.
 */
export const SCHEMA_VERSION = 3;

/** Version 1 had no tree. Builds that know only it would change rows without it, so they must not open the file. */
const VERSION_WITHOUT_TREE = 1;

/** Before version 3 the owners of a hint had no checksum. Builds that know only that would take it for an owner. */
const VERSION_WITHOUT_SEALS = 2;

/** "DyKV": tells `file` and us whose database it is. */
const APPLICATION_ID = 0x44794b56;

/**
 * Finds an owner's hints among millions for others. Only hints are in it: data.db pays nothing. Files of before have
 * none, and builds of before keep it in order all the same, so it has no version.
 */
const INDEX_HINTS = `
  CREATE INDEX IF NOT EXISTS record_kept_for ON record (kept_for, position) WHERE kept_for <> '';
`;

const INDEX_POSITIONS = "CREATE UNIQUE INDEX record_position ON record (position);";

/** In this order. REINDEX would fail where a row that its index had lost was written again. */
export const DROP_INDEXES = "DROP INDEX record_position; DROP INDEX IF EXISTS record_kept_for;";
export const READ_DISPLACED = `
  SELECT position, digest, mine, kept_for, record FROM record
  WHERE id NOT IN (SELECT max(id) FROM record GROUP BY position) ORDER BY id`;
export const REBUILD_INDEXES = `
  DELETE FROM record WHERE id NOT IN (SELECT max(id) FROM record GROUP BY position);
  ${INDEX_POSITIONS}
  ${INDEX_HINTS}
`;

/** The Merkle tree of data.db (merkle/tree-writer.ts); both are empty in hints.db. */
const TREE = `
  DROP TABLE IF EXISTS merkle_block;
  DROP TABLE IF EXISTS merkle_changes;
  CREATE TABLE merkle_block (
    block INTEGER PRIMARY KEY,
    through INTEGER NOT NULL,
    keys INTEGER NOT NULL,
    root BLOB NOT NULL,
    leaves BLOB NOT NULL
  ) STRICT;
  CREATE TABLE merkle_changes (
    seq INTEGER PRIMARY KEY,
    changes BLOB NOT NULL
  ) STRICT;
`;

const CREATE = `
  CREATE TABLE record (
    id INTEGER PRIMARY KEY,
    position BLOB NOT NULL,
    digest BLOB NOT NULL,
    mine BLOB NOT NULL,
    kept_for TEXT NOT NULL,
    record BLOB NOT NULL
  ) STRICT;
  ${INDEX_POSITIONS}
  ${INDEX_HINTS}
  ${TREE}
  PRAGMA user_version = ${SCHEMA_VERSION};
  PRAGMA application_id = ${APPLICATION_ID};
`;

/**
 * Creates the schema in an empty file, and adds to that of an earlier build what it lacks; the tree is then built from
 * the rows (merkle/tree-build.ts). Throws DatabaseFailure schema_newer unless this build can use the file.
 */
export function prepareSchema(connection: Sqlite.Database, file: string): void {
  const version = numberOf(connection, "user_version");
  const applicationId = numberOf(connection, "application_id");
  if (version === 0 && applicationId === 0 && isEmpty(connection)) {
    connection.transaction(() => connection.exec(CREATE)).exclusive();
    return;
  }
  const isOld = version === VERSION_WITHOUT_TREE || version === VERSION_WITHOUT_SEALS;
  requireSchema({ version: isOld ? SCHEMA_VERSION : version, applicationId }, file);
  if (isOld) connection.transaction(() => upgrade(connection, version)).exclusive();
  connection.exec(INDEX_HINTS);
}

function upgrade(connection: Sqlite.Database, version: number): void {
  if (version === VERSION_WITHOUT_TREE) connection.exec(TREE);
  connection.function("sealed", { deterministic: true }, (owners) => sealed(String(owners)));
  connection.exec(`
    UPDATE record SET kept_for = sealed(kept_for) WHERE kept_for <> '';
    PRAGMA user_version = ${SCHEMA_VERSION};
  `);
}

/** The same for a connection that must not write. */
export function checkSchema(connection: Sqlite.Database, file: string): void {
  const found = {
    version: numberOf(connection, "user_version"),
    applicationId: numberOf(connection, "application_id"),
  };
  requireSchema(found, file);
}

function requireSchema(
  { version, applicationId }: { version: number; applicationId: number },
  file: string,
): void {
  if (applicationId !== APPLICATION_ID) {
    throw new DatabaseFailure(
      "not_writable",
      `${file} is not a DynamoKV database; move it out of the data directory`,
    );
  }
  if (version !== SCHEMA_VERSION) {
    const explanation = `${file} has schema version ${version}, this build knows ${SCHEMA_VERSION}`;
    throw new DatabaseFailure(
      "schema_newer",
      `${explanation}; run the DynamoKV version that wrote it, or a later one`,
    );
  }
}

function isEmpty(connection: Sqlite.Database): boolean {
  return connection.prepare("SELECT count(*) FROM sqlite_schema").pluck().get() === 0;
}

function numberOf(connection: Sqlite.Database, pragma: string): number {
  return Number(connection.pragma(pragma, { simple: true }));
}
