/**
 * Reads a chunk of bytes that is exactly one whole plain GET or PUT of a key, from its method to the last byte of its
 * body. Strict on purpose: whatever is unusual is nothing to this file and goes to Node's parser. That a chunk reads
 * like a request does not make it one (it may be part of a body): that is for the caller to know.
 */
export interface PlainRequest {
  readonly method: "GET" | "PUT";
  readonly target: string;
  /** As sent: not checked. */
  readonly requestId: string | undefined;
  readonly headerLines: number;
}

const CHUNK_BYTES_MAX = 64 * 1024;
const HEAD_BYTES_MAX = 4 * 1024;
const FIRST_LINE = /^(GET|PUT) (\/v1\/kv\/[\x21-\x7e]+) HTTP\/1\.1\r\n/;
/** Each line a name and a value of plain characters, nothing folded, no bare CR or LF. */
const HEADER_LINES = /^(?:[A-Za-z0-9-]+:[\x20-\x7e\t]*\r\n)+$/;
const HOST = /^host:/im;
const LENGTH = /^content-length:[ \t]*(\d{1,6})\r$/im;
const LENGTHS = /^content-length:/gim;
const UNUSUAL = /^(?:transfer-encoding|expect|connection|upgrade|trailer|te):/im;
const REQUEST_ID = /^x-dynamo-request-id:[ \t]*([\x21-\x7e]+)\r$/im;
const REQUEST_IDS = /^x-dynamo-request-id:/gim;

export function plainRequest(chunk: Buffer): PlainRequest | undefined {
  if (chunk.length > CHUNK_BYTES_MAX) return undefined;
  const headEnd = chunk.indexOf("\r\n\r\n", 0, "latin1");
  if (headEnd === -1 || headEnd > HEAD_BYTES_MAX) return undefined;
  const head = chunk.toString("latin1", 0, headEnd + 2);
  const first = FIRST_LINE.exec(head);
  if (first === null) return undefined;
  const lines = head.slice(first[0].length);
  if (!HEADER_LINES.test(lines) || !HOST.test(lines) || UNUSUAL.test(lines)) return undefined;
  if (count(lines, LENGTHS) > 1 || count(lines, REQUEST_IDS) > 1) return undefined;
  const length = LENGTH.exec(lines)?.[1];
  if (length === undefined && count(lines, LENGTHS) > 0) return undefined;
  if (chunk.length !== headEnd + 4 + Number(length ?? 0)) return undefined;
  const method = first[1] as "GET" | "PUT";
  if ((method === "PUT") === (length === undefined)) return undefined;
  const requestId = REQUEST_ID.exec(lines)?.[1];
  if (requestId === undefined && count(lines, REQUEST_IDS) > 0) return undefined;
  return { method, target: first[2]!, requestId, headerLines: count(lines, LINE_ENDS) };
}

const LINE_ENDS = /\r\n/g;

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}
