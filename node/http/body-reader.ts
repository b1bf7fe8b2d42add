import type { IncomingMessage } from "node:http";
import type { HttpLimits } from "./http-limits.ts";
import { BadRequest } from "./bad-request.ts";

/** How long a body is said to be before a byte of it is read; undefined: chunked, so it shows as it comes. */
export type DeclaredLength = { readonly bytes: number | undefined };

/**
 * Judges a body by its head alone. A body that is declared too long is refused at once: waiting for it, as servers
 * do by default, lets one client hold memory and a slot for as long as it likes. Node has already refused two
 * lengths, a length beside chunks, signs and the like.
 */
export function declaredLength(
  { headers }: Pick<IncomingMessage, "headers">,
  { valueBytesMax }: Pick<HttpLimits, "valueBytesMax">,
): DeclaredLength | BadRequest {
  if (headers["transfer-encoding"] !== undefined) return { bytes: undefined };
  const text = headers["content-length"];
  if (text === undefined) {
    return new BadRequest(
      411,
      "length_required",
      "a PUT needs Content-Length (0 for an empty value) or chunks",
    );
  }
  const bytes = Number(text);
  return bytes <= valueBytesMax ? { bytes } : valueTooLarge(valueBytesMax);
}

export function valueTooLarge(valueBytesMax: number): BadRequest {
  return new BadRequest(413, "value_too_large", `the value is longer than ${valueBytesMax} bytes`);
}

/** Whether the request has a body that must be read off the connection before the next request can be. */
export function hasBody({ headers }: Pick<IncomingMessage, "headers">): boolean {
  const length = headers["content-length"];
  return headers["transfer-encoding"] !== undefined || (length !== undefined && Number(length) > 0);
}

export type BodyEnd = Uint8Array | "too_large" | "cut_short";

const EMPTY = new Uint8Array(0);

/**
 * Reads a body of at most `bytesMax` bytes and calls `done` once. "cut_short": the client went away before the last
 * byte, nothing of what came may be used. A body in one piece, the usual case, is not copied.
 */
export function readBody(request: IncomingMessage, bytesMax: number, done: (body: BodyEnd) => void): void {
  const chunks: Buffer[] = [];
  let length = 0;
  let settled = false;
  request.on("data", (chunk: Buffer) => {
    if (settled) return;
    length += chunk.length;
    chunks.push(chunk);
    if (length <= bytesMax) return;
    settled = true;
    chunks.length = 0;
    done("too_large");
  });
  request.on("end", () => {
    if (settled) return;
    settled = true;
    done(chunks.length === 0 ? EMPTY : chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length));
  });
  request.on("close", () => {
    if (settled) return;
    settled = true;
    done("cut_short");
  });
}
