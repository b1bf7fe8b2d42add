import { MalformedBytes } from "../bytes/byte-reader.ts";
import type { Database } from "../ports/database.ts";
import type { Digester } from "../ports/hash.ts";
import type { SealableQuery, SealableRead } from "../ports/seal-store.ts";
import { sealedRecord, type SealedRow } from "../seal/sealed-record.ts";
import { decodeRecord } from "../version/record-codec.ts";
import { hasSoundDigest } from "./row-check.ts";

/** A step ends with the row that exceeds this. */
const BYTES_PER_STEP = 4 * 1024 * 1024;

/** The rows of a range that have something to forget; sound ones, since the scrub is after the others. */
export function readSealableRows(
  { after, before, rowsMax }: SealableQuery,
  data: Database,
  hash: Digester,
): SealableRead {
  const wanted = data.digests(after, before, rowsMax + 1);
  const rows: SealedRow[] = [];
  let bytes = 0;
  let rowsRead = 0;
  for (const { position } of wanted.slice(0, rowsMax)) {
    if (bytes > BYTES_PER_STEP) break;
    rowsRead += 1;
    const row = data.read(position);
    if (row === undefined || !hasSoundDigest(row, hash)) continue;
    bytes += row.record.length;
    const sealed = sealedOf(row.record);
    if (sealed !== undefined) rows.push({ ...sealed, position });
  }
  const next = rowsRead < wanted.length ? wanted[rowsRead - 1]!.position : undefined;
  return { status: "read", rows, next };
}

function sealedOf(record: Uint8Array): ReturnType<typeof sealedRecord> {
  try {
    return sealedRecord(decodeRecord(record));
  } catch (error) {
    if (error instanceof MalformedBytes) return undefined;
    throw error;
  }
}
