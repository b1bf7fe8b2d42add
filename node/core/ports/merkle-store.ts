import type { Stored } from "./replica-store.ts";

/**
 * This node's own copies as anti-entropy sees them (Dynamo §4.7): hashes over ranges of the hash space, and the rows
 * behind them. The space is cut into 2^18 leaves whatever Q is: a leaf is the top 18 bits of a position, and with the
 * default Q = 256 a partition has exactly 1,024 of them. A leaf's hash is the XOR of the digests (StoredRow.digest) of
 * its rows in data.db, a partition's root the XOR of its leaves; all zero where there are none. Both are written in the
 * transaction of the rows they cover. Promises never reject: what went wrong is a value.
 */
export interface MerkleStore {
  /** Root and number of keys of each of the ring's `partitions` partitions, in order. */
  partitionRoots(partitions: number): Promise<RootsRead>;
  /** Hashes of the leaves that are not empty within [first, first + count), ascending. */
  leafHashes(range: LeafRange): Promise<LeavesRead>;
  /** What data.db holds in these leaves, ascending by position, without the records. */
  rowsOfLeaves(query: LeafRowsQuery): Promise<LeafRowsRead>;
  /** Whole records of data.db. */
  recordsAt(query: RecordsQuery): Promise<RecordsRead>;
  /**
   * Reads rows and checks each, and the leaves whose end was passed, against the tree: calls that go on from `next`
   * check every row and every leaf of the hash space once. May end before `rowsMax`, where rows are large.
   */
  verifyRows(query: VerifyQuery): Promise<VerifyRead>;
  /**
   * Computes these leaves anew from their rows, each leaf in one transaction. Resolves when they are on stable storage;
   * `storage_lost` where the disk does not answer in 30 s.
   */
  rebuildLeaves(leaves: readonly number[]): Promise<Stored>;
  /**
   * For what verifyRows cannot read: has the writer read some rows from `leaf` on, from the disk. Where it meets the damage
   * too, it makes the indexes anew, as for a write that meets it. Resolves when that is on stable storage; `storage_failed`
   * where it did not help, `storage_lost` where the disk does not answer in 30 s.
   */
  rereadRows(leaf: number): Promise<Stored>;
}

export const LEAF_BITS = 18;
export const LEAF_COUNT = 2 ** LEAF_BITS;
/** Most leaves that one call reads. */
export const LEAVES_PER_READ_MAX = 1_024;

type Failed = { readonly status: "failed"; readonly message: string };

export interface PartitionSummary {
  /** 16 bytes. */
  readonly root: Uint8Array;
  readonly keys: number;
}

export type RootsRead =
  { readonly status: "read"; readonly partitions: readonly PartitionSummary[] } | Failed;

export interface LeafRange {
  /** 0 … LEAF_COUNT - 1. */
  readonly first: number;
  /** 1 … LEAVES_PER_READ_MAX. */
  readonly count: number;
}

export interface LeafHash {
  readonly leaf: number;
  /** 16 bytes, not all zero. */
  readonly hash: Uint8Array;
}

export type LeavesRead =
  | {
      readonly status: "read";
      readonly leaves: readonly LeafHash[];
      /**
       * A leaf of each block read whose stored root is not the sum of its leaves: the disk changed it. Rebuilding that
       * leaf writes the block's root anew.
       */
      readonly rootsWrong: readonly number[];
    }
  | Failed;

export interface LeafRowsQuery {
  /** Ascending, at most LEAVES_PER_READ_MAX. */
  readonly leaves: readonly number[];
  /** Only positions > `after`. */
  readonly after: Uint8Array | undefined;
  readonly rowsMax: number;
}

export interface RowDigest {
  readonly position: Uint8Array;
  readonly digest: Uint8Array;
}

export type LeafRowsRead =
  | {
      readonly status: "read";
      readonly rows: readonly RowDigest[];
      /** The `after` of the next call; undefined where these were the last. */
      readonly next: Uint8Array | undefined;
    }
  | Failed;

export interface RecordsQuery {
  readonly positions: readonly Uint8Array[];
  /** Ends before it would exceed this, but holds at least one record where there is one. */
  readonly bytesMax: number;
}

export interface RecordRow extends RowDigest {
  readonly record: Uint8Array;
}

export type RecordsRead =
  | {
      readonly status: "read";
      /** In the order of the positions asked for; absent and corrupt rows are left out. */
      readonly rows: readonly RecordRow[];
      /** How many of the positions were looked at: fewer than asked where `bytesMax` ended it. */
      readonly positionsRead: number;
      /** Positions of rows that failed their check. */
      readonly corrupt: readonly Uint8Array[];
    }
  | Failed;

export interface VerifyQuery {
  /** Only positions > `after`; from the start of the hash space where undefined. */
  readonly after: Uint8Array | undefined;
  readonly rowsMax: number;
}

export type VerifyRead =
  | {
      readonly status: "read";
      readonly rowsChecked: number;
      /** Positions of rows whose record does not match its digest. */
      readonly corrupt: readonly Uint8Array[];
      /** Leaves whose hash is not the XOR of their rows. */
      readonly leavesWrong: readonly number[];
      /** The `after` of the next call; undefined at the end of the hash space. */
      readonly next: Uint8Array | undefined;
    }
  | Failed;
