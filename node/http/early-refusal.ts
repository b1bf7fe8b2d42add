import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { REQUEST_ID_HEADER } from "../contract/http-headers.ts";
import { hasBody } from "./body-reader.ts";
import { retryAfterSeconds } from "./error-response.ts";
import { DRAINED_BYTES_MAX } from "./http-limits.ts";
import type { ShedReason } from "./http-observer.ts";
import { SHED_MESSAGES } from "./kv-answer.ts";

/**
 * The refusal of a request of which nothing was looked at but its method, while the node takes nothing of its kind.
 * What counts here is what it costs: at twice the capacity every second request ends here, and its cost is taken from
 * those that are served. The same as any other 503 (error-response.ts), put together by hand.
 */
export interface Refusal {
  /** Flat name-value pairs. */
  readonly headers: string[];
  readonly text: string;
}

/** `givenId`: the client's request id, checked; undefined where it sent none. */
export function refusalOf(reason: ShedReason, givenId: string | undefined): Refusal {
  const requestId = givenId ?? randomUUID();
  const { before, after } = TEXTS[reason];
  const text = before + (givenId === undefined ? `"${requestId}"` : JSON.stringify(givenId)) + after;
  const headers = [
    "Content-Type",
    "application/json",
    "Content-Length",
    String(text.length),
    "Cache-Control",
    "no-store",
    "X-Content-Type-Options",
    "nosniff",
    REQUEST_ID_HEADER,
    requestId,
    "Retry-After",
    retryAfterSeconds(),
  ];
  return { headers, text };
}

/** Whether Node may read and drop the rest of the body: cheaper for both sides than a new connection. */
export function hasSmallBody(request: IncomingMessage): boolean {
  return !hasBody(request) || Number(request.headers["content-length"] ?? Infinity) <= DRAINED_BYTES_MAX;
}

const TEXTS = Object.fromEntries(
  Object.entries(SHED_MESSAGES).map(([reason, message]) => [
    reason,
    {
      before: `{"error":{"code":"overloaded","message":${JSON.stringify(message)},"requestId":`,
      after: `,"maybeApplied":false}}`,
    },
  ]),
) as Readonly<Record<ShedReason, { before: string; after: string }>>;
