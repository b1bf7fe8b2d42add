/** What a client may ask of a coordinator, and what it may answer. HTTP is one dress of these; peers use another. */

export interface KeyOfBucket {
  readonly bucket: Uint8Array;
  readonly key: Uint8Array;
}

/** Per-request overrides; undefined means the node's default. */
export interface RequestOptions {
  readonly r: number | undefined;
  readonly w: number | undefined;
  readonly pr: number | undefined;
  readonly pw: number | undefined;
  /** Milliseconds until an answer is due, whatever it is. */
  readonly timeoutMs: number | undefined;
}

export interface PutRequest extends KeyOfBucket {
  /** Sealed context (version/context.ts), empty where the client sent none. */
  readonly context: Uint8Array;
  readonly value: Uint8Array;
  readonly contentType: string;
  readonly requestId: string;
  readonly options: RequestOptions;
}

export interface GetRequest extends KeyOfBucket {
  readonly requestId: string;
  readonly options: RequestOptions;
}

export interface DeleteRequest extends KeyOfBucket {
  /** Undefined: read with R first and delete what was read. */
  readonly context: Uint8Array | undefined;
  readonly requestId: string;
  readonly options: RequestOptions;
}

export interface ShownSibling {
  readonly value: Uint8Array;
  readonly contentType: string;
  readonly modifiedMs: number;
}

export type WriteOutcome =
  | {
      readonly kind: "written";
      /** The client's context plus exactly this write's dot; empty where a delete found nothing to delete. */
      readonly context: Uint8Array;
    }
  | Failure;

export type ReadOutcome =
  | {
      /** One sibling: a value; several: concurrent versions for the client to reconcile; none: not found. */
      readonly kind: "read";
      readonly siblings: readonly ShownSibling[];
      /** Empty where nothing is known of the key; present beside no siblings where it was deleted. */
      readonly context: Uint8Array;
      /** How many of the key's N owners the answer rests on. */
      readonly ownersAnswered: number;
      readonly ownersTotal: number;
    }
  | Failure;

export type FailureCode =
  | "invalid_context"
  | "context_mismatch"
  | "invalid_quorum"
  | "too_many_siblings"
  | "record_too_large"
  | "key_collision"
  | "no_ring"
  | "overloaded"
  | "read_only"
  | "quorum_unreachable"
  | "coordinator_lost"
  | "storage_failed";

export interface Failure {
  readonly kind: "failed";
  readonly code: FailureCode;
  readonly message: string;
  /** False only where the write provably left no trace anywhere. */
  readonly maybeApplied: boolean;
  /** The context of the dot, where one was minted: with it the client can overwrite what may have been applied. */
  readonly context: Uint8Array;
}
