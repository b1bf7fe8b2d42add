/**
 * The one error of the client library. Its `code` is stable and meant for programs; its message says what happened,
 * where, and what to do. `maybeApplied` answers the question that matters after a failed write: may the value be
 * there all the same? It is true as soon as one attempt might have reached a replica, whatever the later ones said.
 */
export class DynamoError extends Error {
  override readonly name = "DynamoError";
  /** The server's code (docs/API.md), or one of ClientErrorCode. */
  readonly code: string;
  /** HTTP status of the last answer; undefined where no answer came. */
  readonly status: number | undefined;
  /** Always false for reads. */
  readonly maybeApplied: boolean;
  /** Find it in the nodes' logs; the same for all attempts of one call. */
  readonly requestId: string;
  /** Whether the same call, made later, may succeed. */
  readonly retriable: boolean;
  /** Of a write that may have been applied: with it the next put overwrites what may be there. */
  readonly context: string | undefined;
  /** The node that answered last, or did not. */
  readonly endpoint: string | undefined;
  /** Least wait that the server asked for before the next attempt. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, fields: DynamoErrorFields) {
    super(message, fields.cause === undefined ? {} : { cause: fields.cause });
    this.code = fields.code;
    this.status = fields.status;
    this.maybeApplied = fields.maybeApplied ?? false;
    this.requestId = fields.requestId ?? "";
    this.retriable = fields.retriable ?? false;
    this.context = fields.context;
    this.endpoint = fields.endpoint;
    this.retryAfterMs = fields.retryAfterMs;
  }
}

/**
 * Codes that the client itself gives:
 * invalid_argument (nothing was sent), unreachable (no connection), connection_lost (it broke before the answer),
 * timeout (the deadline passed), bad_answer (not what a node answers: is something else listening there?),
 * siblings_unresolved (several values and no resolver), aborted (the caller's signal).
 */
export type ClientErrorCode =
  | "invalid_argument"
  | "unreachable"
  | "connection_lost"
  | "timeout"
  | "bad_answer"
  | "siblings_unresolved"
  | "aborted";

export interface DynamoErrorFields {
  readonly code: string;
  readonly status?: number | undefined;
  readonly maybeApplied?: boolean;
  readonly requestId?: string;
  readonly retriable?: boolean;
  readonly context?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}
