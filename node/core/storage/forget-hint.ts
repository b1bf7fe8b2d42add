import type { DeliveredHint } from "../ports/hint-store.ts";
import type { Digester } from "../ports/hash.ts";
import type { StoredRow } from "../ports/database.ts";
import { compareBytes } from "../version/record.ts";
import { owedRecord } from "./owed-record.ts";

/**
 * What is left of a hint's row once one of its owners has acknowledged the record; undefined where nobody waits any
 * more. Only what was delivered may be forgotten: a write that came in meanwhile changed what is owed, and the owner has
 * yet to see it. Then the row stays, as the same object. `own` is what data.db holds at the place.
 */
export function forgetOwner(
  row: StoredRow | undefined,
  own: StoredRow | undefined,
  { digest, owner }: DeliveredHint,
  hash: Digester,
): StoredRow | undefined {
  if (row === undefined || !row.keptFor.includes(owner)) return row;
  const owed = own === undefined ? row.digest : owedDigest(row, own, hash);
  if (owed === undefined || compareBytes(owed, digest) !== 0) return row;
  const keptFor = row.keptFor.filter((other) => other !== owner);
  return keptFor.length === 0 ? undefined : { ...row, keptFor };
}

function owedDigest(row: StoredRow, own: StoredRow, hash: Digester): Uint8Array | undefined {
  const owed = owedRecord(row, own, hash);
  return owed.state === "corrupt" ? undefined : owed.digest;
}
