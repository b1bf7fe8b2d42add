import type { SealedRow } from "../seal/sealed-record.ts";

/**
 * This node's rows as seal rounds see them (seal/seal-round.ts): which have something to forget, whether anything else is
 * held of their keys, and the forgetting itself. Promises never reject: what went wrong is a value. Those of the writer wait for its
 * disk, however long that takes.
 */
export interface SealStore {
  /** Reads rows of data.db and picks those that have something to forget. May end before `rowsMax`, where rows are large. */
  sealableRows(query: SealableQuery): Promise<SealableRead>;
  /**
   * Whether data.db and hints.db hold nothing else of these keys. The writer answers, after all writes that were submitted
   * before, and from what is on stable storage; and it watches the rows from then on.
   */
  askSealed(question: SealedQuestion): Promise<SealedAnswer>;
  /** Forgets what can be forgotten of what is held then. Resolves when that is on stable storage. */
  seal(rows: readonly SealedRow[]): Promise<Sealing>;
}

type Failed = { readonly status: "failed"; readonly message: string };

export interface SealableQuery {
  /** Only positions > `after`. */
  readonly after: Uint8Array;
  /** Only positions < `before`. As in Database.digests, both may be shorter or longer than a position. */
  readonly before: Uint8Array;
  readonly rowsMax: number;
}

export type SealableRead =
  | {
      readonly status: "read";
      /** Ascending by position. */
      readonly rows: readonly SealedRow[];
      /** The `after` of the next call; undefined where these were the last. */
      readonly next: Uint8Array | undefined;
    }
  | Failed;

export interface SealedQuestion {
  readonly rows: readonly SealedRow[];
  /** Of the first answer: then only rows that were watched and not written since are covered. */
  readonly since: WatchMark | undefined;
}

/** A moment in the life of a writer: after it, what is written to a watched row is noticed. */
export interface WatchMark {
  /** Of the writer: another one has watched nothing. */
  readonly life: string;
  readonly at: number;
}

export type SealedAnswer =
  | {
      readonly status: "answered";
      /** For each row, in order. */
      readonly covered: readonly boolean[];
      readonly mark: WatchMark;
    }
  | Failed;

export type Sealing =
  | {
      readonly status: "sealed";
      /** Rows of data.db and hints.db that are gone, tombstones and markers of them. */
      readonly dropped: number;
      /** Rows of data.db that have fewer entries now. */
      readonly pruned: number;
    }
  | Failed;
