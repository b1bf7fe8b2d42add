import { invariant } from "../invariant.ts";
import { type Coverage, covers, emptyCoverage, join, withDot } from "./coverage.ts";
import { compareDots, type Dot } from "./dot.ts";

/**
 * What a node keeps under one key: the siblings (values written concurrently, each with its dot) and the coverage
 * (every write this record contains or has superseded). Replicas exchange whole records, never a new value alone:
 * a coverage without its siblings would claim to have superseded values that its holder never saw.
 */
export interface KeyRecord {
  readonly bucket: Uint8Array;
  readonly key: Uint8Array;
  readonly coverage: Coverage;
  /** Ascending by dot, each dot once and covered. */
  readonly siblings: readonly Sibling[];
  /** Fields that a later version wrote and this one does not know: kept and passed on. */
  readonly unknownFields: readonly UnknownField[];
}

export interface Sibling {
  readonly dot: Dot;
  /** A tombstone says "deleted"; its value is empty. */
  readonly tombstone: boolean;
  readonly value: Uint8Array;
  readonly contentType: string;
  /** Wall clock of the coordinator, milliseconds since 1970. Shown, never compared. */
  readonly modifiedMs: number;
  /** The client's name for this write: a retry with it finds its first dot again. */
  readonly requestId: string;
  /** Reserved for expiry; carried, not acted on. */
  readonly expiresAtMs: number | undefined;
  readonly unknownFields: readonly UnknownField[];
}

export interface UnknownField {
  readonly tag: number;
  readonly bytes: Uint8Array;
}

/** A key that nothing is known of: what the first put and the first merge start from. */
export function emptyRecord({ bucket, key }: { bucket: Uint8Array; key: Uint8Array }): KeyRecord {
  return { bucket, key, coverage: emptyCoverage, siblings: [], unknownFields: [] };
}

/**
 * Joins two copies of one key. A sibling stays if both copies hold its dot, or if the other copy's coverage lacks
 * it (then the other has simply not seen it yet); otherwise the other has superseded it. Commutative, associative,
 * idempotent, so that replicas converge whatever the order of delivery.
 */
export function merge(left: KeyRecord, right: KeyRecord): KeyRecord {
  return {
    bucket: left.bucket,
    key: left.key,
    coverage: join(left.coverage, right.coverage),
    siblings: mergeSiblings(left, right),
    unknownFields: joinUnknownFields(left.unknownFields, right.unknownFields),
  };
}

/** Walks both ascending lists at once. */
function mergeSiblings(left: KeyRecord, right: KeyRecord): Sibling[] {
  const kept: Sibling[] = [];
  let l = 0;
  let r = 0;
  while (l < left.siblings.length || r < right.siblings.length) {
    const mine = left.siblings[l];
    const theirs = right.siblings[r];
    const order = mine === undefined ? 1 : theirs === undefined ? -1 : compareDots(mine.dot, theirs.dot);
    if (order <= 0) l++;
    if (order >= 0) r++;
    if (order === 0) kept.push(mine!);
    else if (order < 0 && !covers(right.coverage, mine!.dot)) kept.push(mine!);
    else if (order > 0 && !covers(left.coverage, theirs!.dot)) kept.push(theirs!);
  }
  return kept;
}

function joinUnknownFields(
  left: readonly UnknownField[],
  right: readonly UnknownField[],
): readonly UnknownField[] {
  if (left.length === 0) return right;
  if (right.length === 0) return left;
  const byTag = new Map<number, UnknownField>();
  for (const field of [...left, ...right]) {
    const other = byTag.get(field.tag);
    if (other === undefined || compareBytes(field.bytes, other.bytes) > 0) byTag.set(field.tag, field);
  }
  return [...byTag.values()].sort((a, b) => a.tag - b.tag);
}

/** Lexicographic order of byte strings. */
export function compareBytes(left: Uint8Array, right: Uint8Array): number {
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i++) {
    const difference = left[i]! - right[i]!;
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

export interface NewValue {
  readonly tombstone: boolean;
  readonly value: Uint8Array;
  readonly contentType: string;
  readonly modifiedMs: number;
  readonly requestId: string;
}

/**
 * The record after a put: what the client saw is superseded, the new value stands under its dot. `seen` is the
 * coverage of the client's context; without a context it is empty and nothing is overwritten. Who saw one dot of a
 * retried write saw that write: its other dots that this record holds go too. Breaks where the dot is not new.
 */
export function put(
  record: KeyRecord,
  { seen, dot, value }: { seen: Coverage; dot: Dot; value: NewValue },
): KeyRecord {
  const coverage = join(record.coverage, seen);
  invariant(!covers(coverage, dot), `dot ${dot.actor}:${dot.n} is minted a second time`);
  const siblings = unseenSiblings(record, seen);
  siblings.push({
    dot,
    tombstone: value.tombstone,
    value: value.value,
    contentType: value.contentType,
    modifiedMs: value.modifiedMs,
    requestId: value.requestId,
    expiresAtMs: undefined,
    unknownFields: [],
  });
  if (siblings.length > 1) siblings.sort((a, b) => compareDots(a.dot, b.dot));
  const { bucket, key, unknownFields } = record;
  return { bucket, key, coverage: withDot(coverage, dot), siblings, unknownFields };
}

/** The siblings whose write a client with this coverage has not seen under any of its dots. */
function unseenSiblings(record: KeyRecord, seen: Coverage): Sibling[] {
  const unseen = record.siblings.filter((sibling) => !covers(seen, sibling.dot));
  if (unseen.length === 0 || unseen.length === record.siblings.length) return unseen;
  const shown = record.siblings.filter((sibling) => covers(seen, sibling.dot));
  return unseen.filter((sibling) => !shown.some((other) => isSameWrite(other, sibling)));
}

/**
 * The dot under which this record already holds the write: the answer to a client's retry. Undefined where it holds
 * none, also where a request id came back with another value: that is another write, and dropping it would lose it.
 */
export function dotOfWrite(record: KeyRecord, value: NewValue): Dot | undefined {
  return record.siblings.find((sibling) => isSameWrite(sibling, value))?.dot;
}

/**
 * What a reader is shown: the live values. A retry that reached two coordinators left two dots of one write; they
 * are shown once. (They are not folded in `merge`: that would cost it associativity; docs/decisions/0002.)
 */
export function visibleSiblings(record: KeyRecord): Sibling[] {
  const visible: Sibling[] = [];
  for (const sibling of record.siblings) {
    if (sibling.tombstone) continue;
    if (!visible.some((shown) => isSameWrite(shown, sibling))) visible.push(sibling);
  }
  return visible;
}

/** Whether all that is left of the key is that it was deleted. */
export function isTombstone({ siblings }: KeyRecord): boolean {
  return siblings.length > 0 && siblings.every(({ tombstone }) => tombstone);
}

/** A write without a request id is like no other. */
function isSameWrite(left: NewValue, right: NewValue): boolean {
  return (
    left.requestId === right.requestId &&
    left.requestId !== "" &&
    left.tombstone === right.tombstone &&
    left.contentType === right.contentType &&
    compareBytes(left.value, right.value) === 0
  );
}
