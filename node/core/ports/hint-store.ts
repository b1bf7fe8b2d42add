import type { NodeId } from "../node-id.ts";
import type { Stored } from "./replica-store.ts";

/**
 * The copies that this node keeps for others, as the handoff sees them: a list by owner, and the way to strike an
 * owner off. Promises never reject: what went wrong is a value. Where the disk does not answer, that is `storage_lost`
 * after 30 s.
 */
export interface HintStore {
  /** For whom anything is kept, as far as is known now. */
  hintOwners(): readonly NodeId[];
  /** What is owed to `owner` at positions > `after` (from the start where undefined), in ascending order. */
  hintsFor(query: HintQuery): Promise<HintBatch>;
  /** Rows that are kept for it, as far as the writer has told; that may be more than `hintsFor` finds by a rotten index. */
  hintsCounted(owner: NodeId): number;
  /**
   * Strikes the owner off the row, and the row out when nobody else waits for it: but only if what is owed is still
   * what was delivered. Where it is another record everything stays as it is, which is ok too: that one has yet to be
   * delivered. Resolves when it is on stable storage.
   */
  forgetHint(delivered: DeliveredHint): Promise<Stored>;
  /**
   * For a place that a batch calls rotten. Where the writer still has the row whole, it is written anew; where it lies where
   * nobody looks, it is put back; else the owner is struck off, since there is nothing left to deliver: that is
   * `hint_lost`. Resolves when it is on stable storage.
   */
  mendHint(place: HintPlace): Promise<Stored>;
}

export interface HintPlace {
  readonly position: Uint8Array;
  /** NO_OWNER where it is not known whom the row is kept for. */
  readonly owner: NodeId;
}

/** Stands for the whole index where one does not show what there is: no key's MD5 is known to be that. */
export const FIRST_PLACE = new Uint8Array(16);

/** Asks for rows whose owners cannot be read any more: all of them are rotten. */
export const NO_OWNER = "" as NodeId;

export interface RottenHint {
  readonly position: Uint8Array;
  /** "data": a marker is sound, and the row in data.db that it speaks of is not. */
  readonly database: "data" | "hints";
}

export interface HintQuery {
  readonly owner: NodeId;
  readonly after: Uint8Array | undefined;
  readonly limits: HintBatchLimits;
}

/** A batch ends before it would exceed either, but holds at least one hint where there is one. */
export interface HintBatchLimits {
  readonly rows: number;
  /** Of the records. */
  readonly bytes: number;
}

export type HintBatch =
  | {
      readonly status: "read";
      readonly hints: readonly KeptHint[];
      /** Rows that failed their check, and places where none is found: nothing of them may be delivered. See mendHint. */
      readonly rotten: readonly RottenHint[];
      /** The `after` of the next batch; undefined where this was the last one. */
      readonly next: Uint8Array | undefined;
    }
  | { readonly status: "failed"; readonly message: string };

export interface KeptHint {
  readonly position: Uint8Array;
  /** All that this node has of the key now; undefined for a marker whose record is lost: it can only be forgotten. */
  readonly record: Uint8Array | undefined;
  /** MD5 of `record`. */
  readonly digest: Uint8Array;
}

export interface DeliveredHint {
  readonly position: Uint8Array;
  /** Of the record that the owner has acknowledged. */
  readonly digest: Uint8Array;
  readonly owner: NodeId;
}
