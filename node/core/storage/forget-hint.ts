import type { DeliveredHint } from "../ports/hint-store.ts";
import type { StoredRow } from "../ports/database.ts";
import { compareBytes } from "../version/record.ts";

/**
 * What is left of a hint's row once one of its owners has acknowledged the record; undefined where nobody waits any
 * more. Only the record that was delivered may be forgotten: a write that came in meanwhile changed the digest, and
 * the owner has yet to see it. Then the row stays, as the same object.
 */
export function forgetOwner(
  row: StoredRow | undefined,
  { digest, owner }: DeliveredHint,
): StoredRow | undefined {
  if (row === undefined || !row.keptFor.includes(owner)) return row;
  if (compareBytes(row.digest, digest) !== 0) return row;
  const keptFor = row.keptFor.filter((other) => other !== owner);
  return keptFor.length === 0 ? undefined : { ...row, keptFor };
}
