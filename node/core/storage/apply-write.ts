import type { ActorMint } from "../version/actor.ts";
import type { CoordinatedWrite, IncomingRecord, StoreFailureCode } from "../ports/replica-store.ts";
import type { Digester } from "../ports/hash.ts";
import type { StoredRow } from "../ports/database.ts";
import { ByteReader, MalformedBytes } from "../bytes/byte-reader.ts";
import { type CheckedRow, sameKey } from "./row-check.ts";
import {
  compareBytes,
  dotOfWrite,
  emptyRecord,
  isTombstone,
  type KeyRecord,
  merge,
  put,
} from "../version/record.ts";
import { decodeRecord, encodeRecord } from "../version/record-codec.ts";
import { type Coverage, covers, emptyCoverage, highestOf } from "../version/coverage.ts";
import { type ActorId, type Dot, sameDot } from "../version/dot.ts";
import { positionOf } from "../ring/position.ts";
import { readCoverage } from "../version/coverage-codec.ts";
import { union } from "./owner-set.ts";

/**
 * What a write makes of a row: the read-merge-write of Dynamo §4.4 as pure functions of the row before and the
 * command. Writes that clients coordinate here are capped; records that other nodes send are not, or replicas could
 * never converge again. A row that failed its check counts as absent: what arrives replaces it, under a new epoch.
 */
export interface WriteLimits {
  /** A coordinated write that leaves more siblings than this is refused. */
  readonly siblingsMax: number;
  /** The same for the bytes of the encoded record. */
  readonly recordBytesMax: number;
}

/** What a node's whole storage is bound by. */
export interface StorageLimits extends WriteLimits {
  /** Of hints.db: beyond it copies for other owners are refused (hint-budget.ts). */
  readonly hintBytesMax: number;
}

export type Refused = {
  readonly outcome: "refused";
  readonly code: StoreFailureCode;
  readonly message: string;
};

/**
 * `row` is undefined where the row on disk already says all of it. `tombstonesAdded`: -1, 0 or 1 (isTombstone). A row that
 * failed its check counts as none.
 */
export type Coordinated =
  | {
      readonly outcome: "accepted";
      readonly row: StoredRow | undefined;
      readonly record: Uint8Array;
      readonly dot: Dot;
      readonly tombstonesAdded: number;
    }
  | Refused;

export type MergedRow =
  | {
      readonly outcome: "accepted";
      readonly row: StoredRow | undefined;
      readonly tombstonesAdded: number;
    }
  | Refused;

/** Of a write with a `mintBeforeMs`. */
export const tooLate: Refused = {
  outcome: "refused",
  code: "too_late",
  message: "this node's disk let the write in too late: another node may have been given it",
};

const nobody = new Uint8Array(0);
const utf8 = new TextEncoder();

export interface CoordinationTools {
  readonly mint: ActorMint;
  readonly limits: WriteLimits;
  readonly hash: Digester;
}

/** A client's write: supersede what the client saw, mint a dot, keep the rest as siblings. */
export function applyCoordinated(
  before: CheckedRow,
  write: CoordinatedWrite,
  tools: CoordinationTools,
): Coordinated {
  if (compareBytes(positionOf(write, tools.hash), write.position) !== 0) return misplaced();
  if (before.state === "sound" && !sameKey(before.record, write)) return collision();
  const seen = decodeSeen(write.seen);
  if (seen === undefined) return refused("invalid_record", "the context's coverage cannot be decoded");
  const record = before.state === "sound" ? before.record : emptyRecord(write);
  const earlier = dotOfWrite(record, valueOf(write));
  if (earlier !== undefined && before.state === "sound" && supersedesNothingElse(record, seen, earlier)) {
    const row = withKeptFor(before.row, write.keptFor);
    return { outcome: "accepted", row, record: before.row.record, dot: earlier, tombstonesAdded: 0 };
  }
  const mine = before.state === "sound" ? actorText(before.row.mine) : "";
  const dot = tools.mint.nextDot({ mine, coverage: record.coverage, seen });
  const after = put(record, { seen, dot, value: valueOf(write) });
  const siblings = after.siblings.length;
  if (siblings > tools.limits.siblingsMax) return tooManySiblings(siblings, tools.limits);
  const bytes = encodeRecord(after);
  if (bytes.length > tools.limits.recordBytesMax) return tooLarge(bytes.length, tools.limits);
  const keptFor = union(ownersBefore(before), write.keptFor);
  const row = { position: write.position, record: bytes, digest: tools.hash.md5(bytes), keptFor };
  const tombstonesAdded = Number(isTombstone(after)) - tombstonesBefore(before);
  return {
    outcome: "accepted",
    row: { ...row, mine: utf8.encode(dot.actor) },
    record: bytes,
    dot,
    tombstonesAdded,
  };
}

/** Else a repeated write is more than a retry: a delete that has read the key again and found newer siblings. */
function supersedesNothingElse({ siblings }: KeyRecord, seen: Coverage, earlier: Dot): boolean {
  return siblings.every(({ dot }) => sameDot(dot, earlier) || !covers(seen, dot));
}

/**
 * Another node's record: keep what is new in it. Identical and superseded records need no write, unless the row on the
 * disk is to be written anew.
 */
export function applyIncoming(
  before: CheckedRow,
  incoming: Pick<IncomingRecord, "position" | "record" | "rewrite"> & Pick<StoredRow, "keptFor">,
  hash: Digester,
): MergedRow {
  const arrived = decodeIncoming(incoming.record);
  if (arrived === undefined) return refused("invalid_record", "the record cannot be decoded");
  if (compareBytes(positionOf(arrived, hash), incoming.position) !== 0) return misplaced();
  const digest = hash.md5(incoming.record);
  if (before.state !== "sound") {
    const keptFor = union(ownersBefore(before), incoming.keptFor);
    const row = { position: incoming.position, record: incoming.record, digest, mine: nobody, keptFor };
    return { outcome: "accepted", row, tombstonesAdded: Number(isTombstone(arrived)) };
  }
  if (!sameKey(before.record, arrived)) return collision();
  const unchanged = incoming.rewrite === true ? before.row : undefined;
  const kept = withKeptFor(before.row, incoming.keptFor) ?? unchanged;
  if (compareBytes(digest, before.row.digest) === 0) return unmerged(kept);
  const merged = merge(before.record, arrived);
  const record = encodeRecord(merged);
  const mergedDigest = hash.md5(record);
  if (compareBytes(mergedDigest, before.row.digest) === 0) return unmerged(kept);
  const mine = isBehind(before, arrived) ? nobody : before.row.mine;
  const keptFor = kept?.keptFor ?? before.row.keptFor;
  return {
    outcome: "accepted",
    row: { position: incoming.position, record, digest: mergedDigest, mine, keptFor },
    tombstonesAdded: Number(isTombstone(merged)) - tombstonesBefore(before),
  };
}

/** The row at the place is of another key. */
export function isCollision(applied: Coordinated | MergedRow): boolean {
  return applied.outcome === "refused" && applied.code === "key_collision";
}

function unmerged(row: StoredRow | undefined): MergedRow {
  return { outcome: "accepted", row, tombstonesAdded: 0 };
}

function tombstonesBefore(before: CheckedRow): number {
  return before.state === "sound" && isTombstone(before.record) ? 1 : 0;
}

/** Another node knows more of this node's own counter than the row does: the row was rolled back. */
function isBehind(before: { row: StoredRow; record: KeyRecord }, arrived: KeyRecord): boolean {
  const actor = actorText(before.row.mine) as ActorId;
  return highestOf(arrived.coverage, actor) > highestOf(before.record.coverage, actor);
}

/** The row with more owners to keep it for; undefined where it names them all already. */
function withKeptFor(row: StoredRow, owners: readonly string[]): StoredRow | undefined {
  if (owners.every((owner) => row.keptFor.includes(owner))) return undefined;
  return { ...row, keptFor: union(row.keptFor, owners) };
}

/** They wait for whatever is at the place, also where what was there has rotted. */
function ownersBefore(before: CheckedRow): readonly string[] {
  if (before.state === "corrupt") return before.owners;
  return before.state === "absent" ? [] : before.row.keptFor;
}

function decodeSeen(bytes: Uint8Array): Coverage | undefined {
  if (bytes.length === 0) return emptyCoverage;
  return unlessMalformed(() => {
    const reader = new ByteReader(bytes);
    const seen = readCoverage(reader);
    reader.end();
    return seen;
  });
}

function decodeIncoming(bytes: Uint8Array): KeyRecord | undefined {
  return unlessMalformed(() => decodeRecord(bytes));
}

function unlessMalformed<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (error instanceof MalformedBytes) return undefined;
    throw error;
  }
}

function valueOf({ tombstone, value, contentType, modifiedMs, requestId }: CoordinatedWrite) {
  return { tombstone, value, contentType, modifiedMs, requestId };
}

function actorText(mine: Uint8Array): string {
  let text = "";
  for (let i = 0; i < mine.length; i++) text += String.fromCharCode(mine[i]!);
  return text;
}

function tooManySiblings(siblings: number, { siblingsMax }: WriteLimits): Refused {
  const advice = "read the key, reconcile its siblings and write with the context of that read";
  return refused(
    "too_many_siblings",
    `the write would leave ${siblings} siblings (limit ${siblingsMax}): ${advice}`,
  );
}

function tooLarge(bytes: number, { recordBytesMax }: WriteLimits): Refused {
  const advice = "write a smaller value, or reconcile the key's siblings with the context of a read";
  return refused(
    "record_too_large",
    `the record would have ${bytes} bytes (limit ${recordBytesMax}): ${advice}`,
  );
}

function misplaced(): Refused {
  return refused("invalid_record", "the position is not the hash of bucket and key");
}

function collision(): Refused {
  return refused("key_collision", "another bucket and key with the same MD5 is stored: choose another key");
}

function refused(code: StoreFailureCode, message: string): Refused {
  return { outcome: "refused", code, message };
}
