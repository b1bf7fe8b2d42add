import type { Clock } from "../ports/clock.ts";
import type { Digester } from "../ports/hash.ts";
import type { SealedQuestion } from "../ports/seal-store.ts";
import type { StoredRow } from "../ports/database.ts";
import { afterSeal, isCovered, isDeleted, type SealedRow } from "../seal/sealed-record.ts";
import { isTombstone } from "../version/record.ts";
import { encodeRecord } from "../version/record-codec.ts";
import type { BatchTable } from "./batch-table.ts";
import { type CheckedRow, sameKey } from "./row-check.ts";
import type { RowWatch } from "./row-watch.ts";
import { encodeSealedAnswer, encodeSealing } from "./seal-codec.ts";

/**
 * What a seal round asks of this node's two databases, within one batch. A hint is a copy like any other: the value that
 * a tombstone deletes comes back when it is delivered.
 */
export interface SealTables {
  readonly data: BatchTable;
  readonly hints: BatchTable;
  /** Reads and checks a row; one that fails its check is noted. */
  readonly check: (table: BatchTable, row: StoredRow | undefined) => CheckedRow;
  readonly watch: RowWatch;
  readonly hash: Digester;
  readonly clock: Clock;
}

/** What the writer answers to one pass, and from when on it watches the rows; see seal-codec.ts. */
export function answerSealed({ rows, since }: SealedQuestion, tables: SealTables): Uint8Array {
  const { watch, clock } = tables;
  const covered = rows.map(
    (row) => (since === undefined || watch.isUnchangedSince(row.position, since)) && isHeldAlone(row, tables),
  );
  const positions = rows.map(({ position }) => position);
  return encodeSealedAnswer({ covered, mark: since ?? watch.begin(positions, clock.monotonicMs()) });
}

/** Forgets what is asked of it, and says how much; see seal-codec.ts. */
export function sealRows(rows: readonly SealedRow[], tables: SealTables): Uint8Array {
  const sum = { dropped: 0, pruned: 0 };
  for (const row of rows) {
    tables.watch.release(row.position);
    const { dropped, pruned } = sealRow(row, tables);
    sum.dropped += dropped;
    sum.pruned += pruned;
  }
  return encodeSealing(sum);
}

/** Whether nothing is held of the key but what is the record's own. Of a corrupt row nobody knows. */
function isHeldAlone(sealed: SealedRow, tables: SealTables): boolean {
  return [tables.data, tables.hints].every((table) => {
    const held = tables.check(table, table.read(sealed.position));
    // What a marker owes is what data.db holds.
    if (held.state === "absent" || held.state === "marker") return true;
    return held.state === "sound" && sameKey(held.record, sealed) && isCovered(held.record, sealed);
  });
}

/**
 * Forgets what the round has found that nobody needs: the rows of a deleted key, with the hints of it; entries of a live
 * one. A key with a later write is left alone.
 */
function sealRow(sealed: SealedRow, tables: SealTables): { dropped: number; pruned: number } {
  if (!isHeldAlone(sealed, tables)) return { dropped: 0, pruned: 0 };
  const { data, hints, check, hash } = tables;
  const own = check(data, data.read(sealed.position));
  if (!isDeleted(sealed)) {
    const after = own.state === "sound" ? afterSeal(own.record, sealed) : "keep";
    if (own.state !== "sound" || after === "keep" || after === "drop") return { dropped: 0, pruned: 0 };
    const record = encodeRecord(after);
    // What it remembered as its own counter went with the entries.
    data.replace(own.row, { ...own.row, record, digest: hash.md5(record), mine: nobody });
    return { dropped: 0, pruned: 1 };
  }
  let dropped = 0;
  if (own.state === "sound") {
    data.replace(own.row, undefined);
    data.addTombstones(sealed.position, isTombstone(own.record) ? -1 : 0);
    dropped += 1;
  }
  const kept = hints.read(sealed.position);
  if (kept === undefined) return { dropped, pruned: 0 };
  hints.replace(kept, undefined);
  return { dropped: dropped + 1, pruned: 0 };
}

const nobody = new Uint8Array(0);
