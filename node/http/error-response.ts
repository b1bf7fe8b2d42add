import { REQUEST_ID_HEADER } from "../contract/http-headers.ts";
import type { AdminRing, ErrorBody } from "../contract/admin-types.ts";
import type { FailureCode } from "../core/coordinator/requests.ts";

/**
 * The one place where failures become HTTP. Every error of both ports is JSON of the same shape, never HTML and
 * never a stack. 4xx: the request is wrong and will stay wrong; 503: try again after Retry-After, here or at
 * another node, with the same request id; `maybeApplied` says whether the write may have left a trace.
 */
export interface ErrorAnswer {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  /** Present on 500 and 503. */
  readonly maybeApplied?: boolean;
  /** On a 409 of a ring change. */
  readonly ring?: AdminRing | undefined;
}

export function statusOf(code: FailureCode): number {
  switch (code) {
    case "invalid_context":
    case "context_mismatch":
    case "invalid_quorum":
      return 400;
    case "too_many_siblings":
    case "key_collision":
      return 409;
    case "record_too_large":
      return 413;
    case "no_ring":
    case "overloaded":
    case "read_only":
    case "quorum_unreachable":
    case "coordinator_lost":
    case "storage_failed":
      return 503;
  }
}

export function errorText(answer: ErrorAnswer, requestId: string): string {
  const { code, message, maybeApplied, ring } = answer;
  const error = { code, message, requestId };
  const body: ErrorBody = {
    error: maybeApplied === undefined ? error : { ...error, maybeApplied },
    ...(ring === undefined ? {} : { ring }),
  };
  return JSON.stringify(body);
}

/** Flat name-value pairs, for writeHead and for answers written by hand. */
export function errorHeaders(answer: ErrorAnswer, requestId: string, text: string): string[] {
  const headers = [
    "Content-Type",
    "application/json",
    "Content-Length",
    String(Buffer.byteLength(text)),
    "Cache-Control",
    "no-store",
    "X-Content-Type-Options",
    "nosniff",
    REQUEST_ID_HEADER,
    requestId,
  ];
  if (answer.status === 503) headers.push("Retry-After", retryAfterSeconds());
  return headers;
}

/** Whole seconds, jittered, so that clients that were refused together do not come back together. */
export function retryAfterSeconds(): string {
  return String(1 + Math.floor(Math.random() * 3));
}
