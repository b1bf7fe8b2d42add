import {
  CONTEXT_HEADER,
  MODIFIED_HEADER,
  OWNERS_HEADER,
  REQUEST_ID_HEADER,
} from "../contract/http-headers.ts";
import type { Failure, ReadOutcome, ShownSibling, WriteOutcome } from "../core/coordinator/requests.ts";
import type { BadRequest } from "./bad-request.ts";
import { statusOf } from "./error-response.ts";
import type { Exchange } from "./exchange.ts";
import type { ShedReason } from "./http-observer.ts";

/**
 * The coordinator's outcomes in HTTP: 200 for one value, 300 for several, 404 for none (with a context where the
 * key was deleted), 204 for a write. A reader gets the context of all that it is shown, a writer the one of what
 * it saw and wrote, so that the answer is all a client needs for its next write.
 */
export function answerRead(exchange: Exchange, outcome: ReadOutcome): void {
  if (outcome.kind === "failed") {
    answerFailure(exchange, outcome, { write: false });
    return;
  }
  const headers = [REQUEST_ID_HEADER, exchange.requestId, "Cache-Control", "no-store"];
  if (outcome.context.length > 0) headers.push(CONTEXT_HEADER, base64url(outcome.context));
  headers.push(OWNERS_HEADER, `${outcome.ownersAnswered}/${outcome.ownersTotal}`);
  const first = outcome.siblings[0];
  if (first === undefined) {
    exchange.endWithError(
      { status: 404, code: "key_not_found", message: "no value is stored under this key" },
      headers.slice(4),
    );
  } else if (outcome.siblings.length === 1) {
    answerValue(exchange, headers, first);
  } else {
    answerSiblings(exchange, headers, outcome.siblings);
  }
}

/** A stored value is the user's data: a browser must neither guess its type nor run what is in it. */
function answerValue(exchange: Exchange, headers: string[], sibling: ShownSibling): void {
  headers.push("Content-Type", sibling.contentType, "Content-Length", String(sibling.value.length));
  headers.push(MODIFIED_HEADER, isoTime(sibling.modifiedMs));
  headers.push("X-Content-Type-Options", "nosniff", "Content-Security-Policy", "sandbox");
  exchange.end(200, headers, sibling.value);
}

function answerSiblings(exchange: Exchange, headers: string[], siblings: readonly ShownSibling[]): void {
  const text = JSON.stringify({
    siblings: siblings.map(({ value, contentType, modifiedMs }) => ({
      value: asBuffer(value).toString("base64"),
      contentType,
      modified: isoTime(modifiedMs),
    })),
  });
  headers.push("Content-Type", "application/json", "Content-Length", String(Buffer.byteLength(text)));
  headers.push("X-Content-Type-Options", "nosniff");
  exchange.end(300, headers, text);
}

export function answerWrite(exchange: Exchange, outcome: WriteOutcome): void {
  if (outcome.kind === "failed") {
    answerFailure(exchange, outcome, { write: true });
    return;
  }
  const headers = [REQUEST_ID_HEADER, exchange.requestId, "Cache-Control", "no-store"];
  if (outcome.context.length > 0) headers.push(CONTEXT_HEADER, base64url(outcome.context));
  exchange.end(204, headers);
}

/** A read never applied anything, whatever its outcome says. */
function answerFailure(exchange: Exchange, failure: Failure, { write }: { write: boolean }): void {
  const { code, message } = failure;
  const status = statusOf(code);
  const extra = failure.context.length > 0 ? [CONTEXT_HEADER, base64url(failure.context)] : [];
  if (status !== 503) exchange.endWithError({ status, code, message }, extra);
  else exchange.endWithError({ status, code, message, maybeApplied: write && failure.maybeApplied }, extra);
}

export function answerBadRequest(exchange: Exchange, { status, code, message }: BadRequest): void {
  exchange.endWithError({ status, code, message }, status === 405 ? ["Allow", "GET, HEAD, PUT, DELETE"] : []);
}

export const SHED_MESSAGES: Readonly<Record<ShedReason, string>> = {
  requests: "this node has as many requests under way as it takes; try again, or ask another node",
  delay: "requests take too long here, because of their number; try again, or ask another node",
  body_bytes: "this node is receiving as many bytes as it takes; try again, or ask another node",
  event_loop: "this node is behind with its work; try again, or ask another node",
  pipeline: "too many unanswered requests on this connection; wait for answers or open another",
};

export function answerShed(exchange: Exchange, reason: ShedReason): void {
  exchange.endWithError({
    status: 503,
    code: "overloaded",
    message: SHED_MESSAGES[reason],
    maybeApplied: false,
  });
}

/** A handler or the coordinator broke its contract by throwing; nothing is known of the write. */
export function answerBroken(exchange: Exchange, { write }: { write: boolean }): void {
  const message = "the node failed to handle this request; its log has the reason under this request id";
  exchange.endWithError({ status: 500, code: "internal_error", message, maybeApplied: write });
}

function base64url(bytes: Uint8Array): string {
  return asBuffer(bytes).toString("base64url");
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * ISO 8601 with milliseconds. Formatting a date costs as much as the rest of the head; neighbouring answers mostly
 * differ in the milliseconds alone, so the text up to them is kept. What a Date cannot hold (a writer's broken clock)
 * is shown as 1970.
 */
function isoTime(epochMs: number): string {
  const shownMs = Math.abs(epochMs) <= DATE_MS_MAX ? Math.trunc(epochMs) : 0;
  const second = Math.floor(shownMs / 1_000);
  if (second !== lastSecond) {
    lastSecond = second;
    lastSecondText = new Date(second * 1_000).toISOString().slice(0, -4);
  }
  return `${lastSecondText}${String(shownMs - second * 1_000).padStart(3, "0")}Z`;
}

const DATE_MS_MAX = 8.64e15;
let lastSecond = NaN;
let lastSecondText = "";
