import type { NodeId } from "../node-id.ts";
import type { Dot } from "../version/dot.ts";

/**
 * This node's own copies, as the network thread sees them: every call is a message to a storage thread. Promises
 * never reject: what went wrong is a value. They may stay pending for ever when the process dies.
 */
export interface ReplicaStore {
  /** Coordinates a write: read, merge, mint a dot, keep. Starts the clock of both promises. */
  coordinate(write: CoordinatedWrite): { merged: Promise<Merged>; durable: Promise<Stored> };
  /** Merges a record that another node sent into this node's copy. Resolves when it is on stable storage. */
  store(incoming: IncomingRecord): Promise<Stored>;
  /**
   * Remembers on stable storage that these owners missed what this node holds of the key in its own data: a marker hint,
   * which the handoff turns into a delivery of this node's then current record. It is no copy: it counts for nothing.
   * Refused with `hints_full` only far above the limit of hints.
   */
  mark(missed: MissedByOwners): Promise<Stored>;
  /** Reads committed data only. */
  read(query: ReplicaQuery): Promise<ReplicaRead>;
  /** Age in milliseconds of the oldest write that has not been answered: the measure of an overloaded disk. */
  oldestWriteAgeMs(): number;
}

/** A store whose answers may be remembered (storage/record-cache.ts). */
export interface CacheableStore extends ReplicaStore {
  /**
   * `listener` is called once rows may be read otherwise than before though no write of their keys was submitted here: a
   * repair has found them again, merged them, or written them anew. One listener.
   */
  onRowsRestored(listener: () => void): void;
}

export interface CoordinatedWrite {
  readonly position: Uint8Array;
  readonly bucket: Uint8Array;
  readonly key: Uint8Array;
  /** Encoded coverage of the client's context (empty where it sent none). */
  readonly seen: Uint8Array;
  readonly tombstone: boolean;
  readonly value: Uint8Array;
  readonly contentType: string;
  readonly modifiedMs: number;
  readonly requestId: string;
  /** Non-empty where a stand-in coordinates: kept in hints.db for these owners. */
  readonly keptFor: readonly NodeId[];
  /**
   * On this node's monotonic clock, whole milliseconds: afterwards it is refused as `too_late`, because another node may
   * have been given the same write. Undefined where nobody else has it.
   */
  readonly mintBeforeMs?: number;
}

export interface IncomingRecord {
  readonly position: Uint8Array;
  readonly record: Uint8Array;
  /** Non-empty where this node is a stand-in for these owners. */
  readonly keptFor: readonly NodeId[];
  /**
   * A reader found the row corrupt on the disk: it is written anew even where the writer's own view of it, which may be
   * an older page in memory, is sound.
   */
  readonly rewrite?: true;
}

export interface MissedByOwners {
  readonly position: Uint8Array;
  /** At least one; not this node. */
  readonly owners: readonly NodeId[];
}

export interface ReplicaQuery {
  readonly position: Uint8Array;
  readonly bucket: Uint8Array;
  readonly key: Uint8Array;
  readonly want: "record" | "digest";
}

export type StoreFailureCode =
  | "too_many_siblings"
  | "record_too_large"
  | "read_only"
  | "storage_failed"
  /** The storage thread is gone; whether it kept the write is unknown. */
  | "storage_lost"
  | "invalid_record"
  | "key_collision"
  | "overloaded"
  /** Its time to be begun was over before the disk let it in: certainly not done. */
  | "too_late"
  /** This node keeps as many bytes for other owners as it may: another stand-in has to. */
  | "hints_full"
  /** The hint was rotten, and its owner has been struck off (HintStore.mendHint). */
  | "hint_lost";

/** The record as it will be committed, handed out early so that peers fsync at the same time. */
export type Merged =
  | { readonly ok: true; readonly record: Uint8Array; readonly dot: Dot }
  | { readonly ok: false; readonly code: StoreFailureCode; readonly message: string };

/** A moment in the life of one data.db: what was acknowledged then must be there for ever. */
export interface StorePoint {
  /** 16 hex digits: which data.db; drawn when it is created, and anew when it was found rolled back. */
  readonly storeId: string;
  /** Which start of a process on it: 16 hex digits, drawn at each. */
  readonly runId: string;
  /** Commits to it so far. */
  readonly sequence: number;
}

/** Whether the write is on stable storage. */
export type Stored =
  | {
      readonly ok: true;
      /** Where the store stood then: for recovery/. Absent where nobody asked a store. */
      readonly at?: StorePoint;
    }
  | { readonly ok: false; readonly code: StoreFailureCode; readonly message: string };

export type ReplicaRead =
  | {
      readonly status: "found";
      /** Present where the query wanted the record. */
      readonly record: Uint8Array | undefined;
      readonly digest: Uint8Array;
      /** Non-empty where this copy is kept for others. */
      readonly keptFor: readonly string[];
      /** True: the node lost part of its data and has not got it back. Its record still merges, but is no vote. */
      readonly recovering?: true;
    }
  | { readonly status: "not_found"; readonly recovering?: true }
  /** The row failed its checksum: it is never served and is no vote. */
  | { readonly status: "corrupt" }
  | { readonly status: "failed"; readonly message: string };
