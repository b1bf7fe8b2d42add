import type { StoredRow } from "../ports/database.ts";
import type { MissedByOwners } from "../ports/replica-store.ts";
import type { Digester } from "../ports/hash.ts";
import { union } from "./owner-set.ts";

/**
 * Marker hints: rows of hints.db with owners and no record. An owner missed a put that succeeded without it, and no
 * stand-in keeps a copy for it; so one node that holds the key in its own data remembers who has yet to get it. A
 * cluster of as many nodes as copies converges that way too (Dynamo §4.6 has no answer for it).
 *
 * Invariant: a marker is no copy. No read shows it, no quorum counts it; what it owes is what data.db holds when it is
 * delivered (owed-record.ts).
 */
export function isMarker(row: StoredRow): boolean {
  return row.record.length === 0;
}

/** The row at the place with these owners on it; `before` itself where it names them all already. */
export function withOwners(
  before: StoredRow | undefined,
  { position, owners }: MissedByOwners,
  hash: Digester,
): StoredRow {
  if (before === undefined) {
    return {
      position,
      record: nothing,
      digest: hash.md5(nothing),
      mine: nothing,
      keptFor: union([], owners),
    };
  }
  if (owners.every((owner) => before.keptFor.includes(owner))) return before;
  return { ...before, keptFor: union(before.keptFor, owners) };
}

const nothing = new Uint8Array(0);
