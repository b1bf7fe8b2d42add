import type { IncomingHttpHeaders } from "node:http";
import {
  CONTENT_TYPE_DEFAULT,
  CONTENT_TYPE_LENGTH_MAX,
  CONTEXT_HEADER,
  CONTEXT_HEADER_LENGTH_MAX,
  REQUEST_ID_HEADER,
  REQUEST_ID_LENGTH_MAX,
} from "../contract/http-headers.ts";
import { BadRequest } from "./bad-request.ts";

/**
 * The headers of a key-value request, checked by hand and strictly: what is stored (content type, request id) is
 * sent to other readers later, and a context that decodes to something else than was sent would be a lie.
 */
const REQUEST_ID = new RegExp(`^[\\x21-\\x7e]{1,${REQUEST_ID_LENGTH_MAX}}$`);
const CONTENT_TYPE = new RegExp(`^[\\x20-\\x7e]{1,${CONTENT_TYPE_LENGTH_MAX}}$`);
const BASE64URL = /^[A-Za-z0-9_-]+$/;

/** The client's request id; undefined where it sent none. A header sent twice arrives with ", " in it and fails. */
export function requestIdOf(headers: IncomingHttpHeaders): string | BadRequest | undefined {
  const id = headers["x-dynamo-request-id"] as string | undefined;
  if (id === undefined || isRequestId(id)) return id;
  const rule = `1 to ${REQUEST_ID_LENGTH_MAX} printable ASCII characters without spaces`;
  return new BadRequest(400, "invalid_request_id", `${REQUEST_ID_HEADER} is not ${rule}`);
}

export function isRequestId(text: string): boolean {
  return REQUEST_ID.test(text);
}

/** The sealed context; undefined where the client sent none. Only its spelling is checked here. */
export function contextOf(headers: IncomingHttpHeaders): Uint8Array | BadRequest | undefined {
  const text = headers["x-dynamo-context"] as string | undefined;
  if (text === undefined) return undefined;
  if (text.length > CONTEXT_HEADER_LENGTH_MAX) {
    return invalidContext(`is longer than ${CONTEXT_HEADER_LENGTH_MAX} characters`);
  }
  if (!BASE64URL.test(text) || text.length % 4 === 1 || hasStrayBits(text)) {
    return invalidContext(
      "is not base64url without padding; send back exactly what a get answered, or leave it out",
    );
  }
  return Buffer.from(text, "base64url");
}

/** The last character of a partial group has bits that no byte holds: were they free, two texts would be one context. */
function hasStrayBits(text: string): boolean {
  const rest = text.length % 4;
  if (rest === 0) return false;
  const last = Buffer.from(`AAA${text.slice(-1)}`, "base64url")[2]!;
  return (last & (rest === 2 ? 0x0f : 0x03)) !== 0;
}

function invalidContext(reason: string): BadRequest {
  return new BadRequest(400, "invalid_context", `${CONTEXT_HEADER} ${reason}`);
}

export function contentTypeOf(headers: IncomingHttpHeaders): string | BadRequest {
  const type = headers["content-type"];
  if (type === undefined || type === "") return CONTENT_TYPE_DEFAULT;
  if (CONTENT_TYPE.test(type)) return type;
  const rule = `at most ${CONTENT_TYPE_LENGTH_MAX} printable ASCII characters`;
  return new BadRequest(400, "invalid_content_type", `Content-Type is not ${rule}`);
}

/** What HTTP offers and this store does not: better refused than silently ignored. */
export function unsupportedIn(headers: IncomingHttpHeaders): BadRequest | undefined {
  if (headers["if-match"] !== undefined) return unsupportedPrecondition("If-Match");
  if (headers["if-none-match"] !== undefined) return unsupportedPrecondition("If-None-Match");
  if (headers["if-unmodified-since"] !== undefined) return unsupportedPrecondition("If-Unmodified-Since");
  if (headers["content-range"] !== undefined) {
    return new BadRequest(400, "invalid_request", "Content-Range: a value is written whole");
  }
  const coding = headers["transfer-encoding"];
  if (coding !== undefined && coding.toLowerCase() !== "chunked") {
    return new BadRequest(400, "encoding_unsupported", "the only Transfer-Encoding served is chunked");
  }
  const encoding = headers["content-encoding"];
  if (encoding !== undefined && encoding.toLowerCase() !== "identity") {
    const message =
      "Content-Encoding is not stored: send the bytes plain, or name the encoding in Content-Type";
    return new BadRequest(415, "encoding_unsupported", message);
  }
  // An offer of HTTP/2 (curl --http2, Java) may be left unanswered; whoever wants another protocol must know.
  const upgrade = headers.upgrade;
  if (upgrade !== undefined && upgrade.toLowerCase() !== "h2c") {
    return new BadRequest(400, "invalid_request", "Upgrade: only HTTP/1.1 is spoken here");
  }
  return undefined;
}

function unsupportedPrecondition(name: string): BadRequest {
  const message = `${name} is not supported: concurrent writes become siblings, send ${CONTEXT_HEADER} instead`;
  return new BadRequest(400, "precondition_unsupported", message);
}
