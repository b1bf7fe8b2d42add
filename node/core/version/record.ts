import { type Coverage, covers, join } from "./coverage.ts";
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

/**
 * Joins two copies of one key. A sibling stays if both copies hold its dot, or if the other copy's coverage lacks
 * it (then the other has simply not seen it yet); otherwise the other has superseded it. Commutative, associative,
 * idempotent, so that replicas converge whatever the order of delivery.
 */
export function merge(left: KeyRecord, right: KeyRecord): KeyRecord {
  const siblings = [...survivors(left, right), ...unseenBy(right, left)];
  siblings.sort((a, b) => compareDots(a.dot, b.dot));
  return {
    bucket: left.bucket,
    key: left.key,
    coverage: join(left.coverage, right.coverage),
    siblings,
    unknownFields: joinUnknownFields(left.unknownFields, right.unknownFields),
  };
}

/** The siblings of `mine` that stay: held by the other too, or not yet seen by it. */
function survivors(mine: KeyRecord, other: KeyRecord): Sibling[] {
  return mine.siblings.filter(
    (sibling) =>
      !covers(other.coverage, sibling.dot) ||
      other.siblings.some((theirs) => compareDots(theirs.dot, sibling.dot) === 0),
  );
}

function unseenBy(from: KeyRecord, other: KeyRecord): Sibling[] {
  return from.siblings.filter((sibling) => !covers(other.coverage, sibling.dot));
}

function joinUnknownFields(left: readonly UnknownField[], right: readonly UnknownField[]): readonly UnknownField[] {
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
 * The record after a put: the siblings that the client saw are superseded, the new value stands under its dot.
 * `seen` is the coverage of the client's context; without a context it is empty and nothing is overwritten.
 */
export function put(record: KeyRecord, { seen, dot, value }: { seen: Coverage; dot: Dot; value: NewValue }): KeyRecord {
  const siblings = record.siblings.filter((sibling) => !covers(seen, sibling.dot));
  siblings.push({ ...value, dot, expiresAtMs: undefined, unknownFields: [] });
  siblings.sort((a, b) => compareDots(a.dot, b.dot));
  const ownDot: Coverage = { vector: new Map(), loose: new Map([[dot.actor, [dot.n]]]) };
  return { ...record, siblings, coverage: join(join(record.coverage, seen), ownDot) };
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

function isSameWrite(left: Sibling, right: Sibling): boolean {
  return (
    left.requestId === right.requestId &&
    left.contentType === right.contentType &&
    compareBytes(left.value, right.value) === 0
  );
}
