import { type Database, DatabaseFailure } from "../ports/database.ts";
import { FIRST_PLACE, type HintQuery, type KeptHint, type RottenHint } from "../ports/hint-store.ts";
import type { AnsweredHints } from "./hint-codec.ts";
import type { Digester } from "../ports/hash.ts";
import { owedRecord } from "./owed-record.ts";

/**
 * Reads one bounded batch of what is owed to one owner, in one short transaction. A row that fails its check is left
 * out and named: its owner must not get it, and the rows behind it must not wait for it. So is a place that the index
 * names and where no row is found: one of the two indexes has rotted, and the row may lie where nobody looks. A marker whose record is lost
 * is in the batch without one, so that somebody hears of it.
 */
export interface HintTables {
  readonly hints: Database;
  readonly data: Database;
}

export function readHints(query: HintQuery, tables: HintTables, hash: Digester): AnsweredHints {
  const { hints, data } = tables;
  try {
    data.begin();
    hints.begin();
    const answer = collect(query, tables, hash);
    hints.commit();
    data.commit();
    return answer;
  } catch (error) {
    hints.rollback();
    data.rollback();
    if (!(error instanceof DatabaseFailure)) throw error;
    return { dataRowsCorrupt: 0, hintRowsCorrupt: 0, batch: { status: "failed", message: error.message } };
  }
}

function collect({ owner, after, limits }: HintQuery, tables: HintTables, hash: Digester): AnsweredHints {
  const positions = positionsFor({ owner, after, limits }, tables.hints);
  // Named to the writer, which makes the index anew where no row is at a place: at `after` one may be.
  if (positions === "damaged") {
    const rotten = [{ position: FIRST_PLACE, database: "hints" }] as const;
    return {
      dataRowsCorrupt: 0,
      hintRowsCorrupt: 1,
      batch: { status: "read", hints: [], rotten, next: undefined },
    };
  }
  const hints: KeptHint[] = [];
  const rotten: RottenHint[] = [];
  const corrupt = { data: 0, hints: 0 };
  let next = positions.length < limits.rows ? undefined : positions.at(-1);
  let bytes = 0;
  for (const [i, position] of positions.entries()) {
    const row = tables.hints.read(position);
    // The index names the owner: where the row does not, one of the two has rotted.
    const owed = row?.keptFor.includes(owner)
      ? owedRecord(row, tables.data.read(position), hash)
      : ({ state: "corrupt", database: "hints" } as const);
    if (owed.state === "corrupt") {
      corrupt[owed.database] += 1;
      rotten.push({ position, database: owed.database });
      continue;
    }
    const record = owed.state === "record" ? owed.record : undefined;
    bytes += record?.length ?? 0;
    if (i > 0 && bytes > limits.bytes) {
      next = positions[i - 1];
      break;
    }
    hints.push({ position, record, digest: owed.digest });
  }
  const facts = { dataRowsCorrupt: corrupt.data, hintRowsCorrupt: corrupt.hints };
  return { ...facts, batch: { status: "read", hints, rotten, next } };
}

function positionsFor({ owner, after, limits }: HintQuery, hints: Database): Uint8Array[] | "damaged" {
  try {
    return hints.positionsKeptFor(owner, after, limits.rows);
  } catch (error) {
    if (error instanceof DatabaseFailure && error.code === "damaged") return "damaged";
    throw error;
  }
}
