import { type Database, DatabaseFailure } from "../ports/database.ts";
import type { HintQuery, KeptHint } from "../ports/hint-store.ts";
import type { AnsweredHints } from "./hint-codec.ts";
import type { Digester } from "../ports/hash.ts";
import { hasSoundDigest } from "./row-check.ts";

/**
 * Reads one bounded batch of what is kept for one owner, in one short transaction. A row that fails its check is left
 * out and counted: its owner must not get it, and the rows behind it must not wait for it.
 */
export function readHints(query: HintQuery, hints: Database, hash: Digester): AnsweredHints {
  try {
    hints.begin();
    const answer = collect(query, hints, hash);
    hints.commit();
    return answer;
  } catch (error) {
    hints.rollback();
    if (!(error instanceof DatabaseFailure)) throw error;
    return { hintRowsCorrupt: 0, batch: { status: "failed", message: error.message } };
  }
}

function collect({ owner, after, limits }: HintQuery, database: Database, hash: Digester): AnsweredHints {
  const positions = database.positionsKeptFor(owner, after, limits.rows);
  const hints: KeptHint[] = [];
  let next = positions.length < limits.rows ? undefined : positions.at(-1);
  let bytes = 0;
  let hintRowsCorrupt = 0;
  for (const [i, position] of positions.entries()) {
    const row = database.read(position);
    if (row === undefined) continue;
    bytes += row.record.length;
    if (i > 0 && bytes > limits.bytes) {
      next = positions[i - 1];
      break;
    }
    if (hasSoundDigest(row, hash)) hints.push({ position, record: row.record, digest: row.digest });
    else hintRowsCorrupt += 1;
  }
  return { hintRowsCorrupt, batch: { status: "read", hints, next } };
}
