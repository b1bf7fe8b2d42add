import { CONTEXT_HEADER, REQUEST_ID_HEADER } from "../../node/contract/http-headers.ts";
import { DynamoError } from "../dynamo-error.ts";
import type { Answer, ExchangeFailed } from "./http-exchange.ts";

/** What the answers of both ports and the failures of the wire mean to an application. */
export interface Asked {
  readonly endpoint: string;
  readonly requestId: string;
  readonly writes: boolean;
}

/**
 * An answer that is not a result. 429 and 5xx are worth a retry. A 5xx without a body of ours (a proxy's) may have
 * been given after the node took the write.
 */
export function errorOfAnswer(answer: Answer, asked: Asked): DynamoError {
  const body = errorBody(answer.body);
  const status = answer.status;
  const known = body !== undefined;
  const code = body?.code ?? (status >= 500 ? "server_error" : "bad_answer");
  const message =
    body?.message ?? `${asked.endpoint} answered ${status} without an explanation: is it a DynamoKV node?`;
  return new DynamoError(message, {
    code,
    status,
    maybeApplied: asked.writes && status >= 500 && (body?.maybeApplied ?? !(known && status === 503)),
    requestId: body?.requestId || headerOf(answer, REQUEST_ID_HEADER) || asked.requestId,
    retriable: status === 429 || status >= 500,
    context: headerOf(answer, CONTEXT_HEADER) || undefined,
    endpoint: asked.endpoint,
    retryAfterMs: retryAfterMs(headerOf(answer, "retry-after")),
  });
}

export function errorOfFailure(failure: ExchangeFailed, asked: Asked): DynamoError {
  return new DynamoError(failure.message, {
    code: failure.reason,
    maybeApplied: asked.writes && failure.sent,
    requestId: asked.requestId,
    retriable: failure.reason !== "aborted" && failure.reason !== "bad_answer",
    endpoint: asked.endpoint,
    cause: failure,
  });
}

export function headerOf(answer: Answer, name: string): string {
  const value = answer.headers[name.toLowerCase()];
  return Array.isArray(value) ? value.join(", ") : (value ?? "");
}

interface ParsedErrorBody {
  readonly code: string;
  readonly message: string;
  readonly requestId: string;
  readonly maybeApplied: boolean | undefined;
}

/** Undefined unless the body has the shape of ErrorBody: proxies and strangers answer as they like. */
function errorBody(bytes: Uint8Array): ParsedErrorBody | undefined {
  const body = parseJson(bytes);
  if (!isObject(body) || !isObject(body["error"])) return undefined;
  const { code, message, requestId, maybeApplied } = body["error"];
  if (typeof code !== "string" || typeof message !== "string") return undefined;
  return {
    code,
    message,
    requestId: typeof requestId === "string" ? requestId : "",
    maybeApplied: typeof maybeApplied === "boolean" ? maybeApplied : undefined,
  };
}

/** Undefined where the bytes are not JSON. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8")) as unknown;
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Delta seconds only: our nodes send no dates. */
function retryAfterMs(header: string): number | undefined {
  return /^\d{1,5}(\.\d+)?$/.test(header) ? Number(header) * 1_000 : undefined;
}
