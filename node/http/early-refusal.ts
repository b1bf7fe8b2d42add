import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { REQUEST_ID_HEADER } from "../contract/http-headers.ts";
import { hasBody } from "./body-reader.ts";
import { retryAfterSeconds } from "./error-response.ts";
import { SHED_MESSAGES } from "./kv-answer.ts";
import type { ShedReason } from "./http-observer.ts";
import { DRAINED_BYTES_MAX } from "./http-limits.ts";
import { requestIdOf } from "./kv-headers.ts";

/**
 * The refusal of a request of which nothing was looked at but its method, while the node takes nothing of its kind.
 * What counts here is what it costs: at twice the capacity every second request ends here, and its cost is taken from
 * those that are served. Same bytes as any other 503 (error-response.ts), put together by hand.
 */
/** False where the request needs more care than this: nothing was answered. */
export function refuseEarly(request: IncomingMessage, response: ServerResponse, reason: ShedReason): boolean {
  if (!isSmall(request)) return false;
  const given = requestIdOf(request.headers);
  if (given !== undefined && typeof given !== "string") return false;
  const requestId = given ?? randomUUID();
  const { before, after } = TEXTS[reason];
  const text = before + (given === undefined ? `"${requestId}"` : JSON.stringify(given)) + after;
  response.writeHead(503, [
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
  ]);
  response.end(text, "latin1");
  return true;
}

/** Node reads and drops the rest of a small body: cheaper for both sides than a new connection. */
function isSmall(request: IncomingMessage): boolean {
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
