import { type Coverage, includes } from "../version/coverage.ts";
import { type Dot, sameDot } from "../version/dot.ts";
import type { KeyRecord } from "../version/record.ts";

/**
 * What a seal round is about: one key's record, which has something that can be forgotten once no older copy is left
 * anywhere. A tombstone, so that it goes as a whole; or many entries of actors whose writes are all superseded.
 */
export interface SealedRecord {
  readonly bucket: Uint8Array;
  readonly key: Uint8Array;
  readonly coverage: Coverage;
  readonly siblings: readonly { readonly dot: Dot; readonly tombstone: boolean }[];
}

/** With its place. */
export interface SealedRow extends SealedRecord {
  readonly position: Uint8Array;
}

/** Entries that pruning removes at once, at least: fewer are not worth a round. Riak prunes from 50 entries on. */
export const PRUNED_ENTRIES_MIN = 32;

/** The record as a round asks about it; undefined where there is nothing to forget. */
export function sealedRecord({ bucket, key, coverage, siblings }: KeyRecord): SealedRecord | undefined {
  if (!isDeleted({ siblings }) && idleActors({ coverage, siblings }) < PRUNED_ENTRIES_MIN) return undefined;
  return { bucket, key, coverage, siblings: siblings.map(({ dot, tombstone }) => ({ dot, tombstone })) };
}

/**
 * Whether all that somebody holds of the key is part of the sealed record, so that it brings nothing back when it comes
 * later: no value that the record has superseded, nothing that it has not seen. Holding nothing is covered.
 */
export function isCovered(
  held: Pick<KeyRecord, "coverage" | "siblings"> | undefined,
  sealed: SealedRecord,
): boolean {
  if (held === undefined) return true;
  if (!includes(sealed.coverage, held.coverage)) return false;
  return held.siblings.every(({ dot }) => sealed.siblings.some((sibling) => sameDot(sibling.dot, dot)));
}

/**
 * What a member keeps of the key after the seal: nothing of a deleted one; of a live one, the same siblings and the
 * entries of their actors. Decided on what it holds now: a write that came after its answer is left alone ("keep"). Who
 * prunes a row also forgets which actor it remembered as its own (version/actor.ts `mine`).
 */
export function afterSeal(held: KeyRecord, sealed: SealedRecord): KeyRecord | "drop" | "keep" {
  if (!isCovered(held, sealed)) return "keep";
  if (isDeleted(sealed)) return "drop";
  // A copy that is behind gets the record from its co-owners first.
  return includes(held.coverage, sealed.coverage) ? pruned(held) : "keep";
}

/** Whether the seal is of a whole record. */
export function isDeleted({ siblings }: Pick<SealedRecord, "siblings">): boolean {
  return siblings.every(({ tombstone }) => tombstone);
}

function pruned(record: KeyRecord): KeyRecord {
  const { vector, loose } = record.coverage;
  const live = new Set(record.siblings.map(({ dot }) => dot.actor));
  return {
    ...record,
    coverage: {
      vector: new Map([...vector].filter(([actor]) => live.has(actor))),
      loose: new Map([...loose].filter(([actor]) => live.has(actor))),
    },
  };
}

function idleActors({
  coverage: { vector, loose },
  siblings,
}: Pick<KeyRecord, "coverage" | "siblings">): number {
  const actors = new Set([...vector.keys(), ...loose.keys()]);
  for (const { dot } of siblings) actors.delete(dot.actor);
  return actors.size;
}
