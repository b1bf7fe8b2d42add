import Sqlite from "better-sqlite3";

/** Rows in a data.db or hints.db, whatever its node says of it. */
export function storedRows(file: string): number {
  const database = new Sqlite(file, { readonly: true });
  try {
    return database.prepare<[], { rows: number }>("SELECT count(*) AS rows FROM record").get()!.rows;
  } finally {
    database.close();
  }
}
