import { ByteReader, MalformedBytes } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import type {
  DeleteRequest,
  Failure,
  FailureCode,
  GetRequest,
  PutRequest,
  ReadOutcome,
  RequestOptions,
  ShownSibling,
  WriteOutcome,
} from "./requests.ts";

/**
 * A client's request on its way to an owner of the key, and the outcome on its way back. A node outside the
 * preference list hands a request on once; what arrives this way is coordinated where it arrives.
 */
export type ForwardedRequest =
  | { readonly operation: "put"; readonly request: PutRequest }
  | { readonly operation: "get"; readonly request: GetRequest }
  | { readonly operation: "delete"; readonly request: DeleteRequest };

/** Until when the receiver may begin: afterwards the sender has handed the request to somebody else. */
export interface ForwardTiming {
  /** On the sender's monotonic clock; whole milliseconds. */
  readonly sentAtMs: number;
  readonly beginWithinMs: number;
}

const NAME_BYTES_MAX = 64 * 1024;
const BODY_BYTES_MAX = 256 * 1024 * 1024;
const OPERATION = { put: 1, get: 2, delete: 3 } as const;

/** `timeoutMs` of the options is what is left of the client's time. */
export function encodeForwarded(forwarded: ForwardedRequest, timing: ForwardTiming): Uint8Array {
  const { operation, request } = forwarded;
  const writer = new ByteWriter(256 + (operation === "put" ? request.value.length : 0));
  writer.u8(OPERATION[operation]).varint(timing.sentAtMs).varint(timing.beginWithinMs);
  writer.bytes(request.bucket).bytes(request.key).text(request.requestId);
  writeOptions(writer, request.options);
  if (operation === "put") writer.bytes(request.context).text(request.contentType).raw(request.value);
  if (operation === "delete") {
    writer.u8(request.context === undefined ? 0 : 1).raw(request.context ?? new Uint8Array(0));
  }
  return writer.finish();
}

/** Throws MalformedBytes. */
export function decodeForwarded(bytes: Uint8Array): ForwardedRequest & { readonly timing: ForwardTiming } {
  const reader = new ByteReader(bytes);
  const operation = reader.u8();
  const timing = { sentAtMs: reader.varint(), beginWithinMs: reader.varint() };
  const common = {
    bucket: reader.bytes(NAME_BYTES_MAX),
    key: reader.bytes(NAME_BYTES_MAX),
    requestId: reader.text(NAME_BYTES_MAX),
    options: readOptions(reader),
  };
  if (operation === OPERATION.get) return { operation: "get", request: common, timing };
  if (operation === OPERATION.put) {
    const context = reader.bytes(NAME_BYTES_MAX * 2);
    const contentType = reader.text(NAME_BYTES_MAX);
    const value = reader.raw(reader.remaining);
    return { operation: "put", request: { ...common, context, contentType, value }, timing };
  }
  if (operation === OPERATION.delete) {
    const hasContext = reader.u8() === 1;
    const context = reader.raw(reader.remaining);
    return { operation: "delete", request: { ...common, context: hasContext ? context : undefined }, timing };
  }
  throw new MalformedBytes(`unknown forwarded operation ${operation}`);
}

/** Undefined is 0, any value v is v + 1. */
function writeOptions(writer: ByteWriter, { r, w, pr, pw, timeoutMs }: RequestOptions): void {
  for (const value of [r, w, pr, pw, timeoutMs]) writer.varint(value === undefined ? 0 : value + 1);
}

function readOptions(reader: ByteReader): RequestOptions {
  const next = (): number | undefined => {
    const value = reader.varint();
    return value === 0 ? undefined : value - 1;
  };
  return { r: next(), w: next(), pr: next(), pw: next(), timeoutMs: next() };
}

const OUTCOME = { failed: 0, written: 1, read: 2 } as const;

export function encodeOutcome(outcome: WriteOutcome | ReadOutcome): Uint8Array {
  const writer = new ByteWriter(256).u8(OUTCOME[outcome.kind]).bytes(outcome.context);
  switch (outcome.kind) {
    case "written":
      return writer.finish();
    case "failed":
      return writer
        .u8(outcome.maybeApplied ? 1 : 0)
        .text(outcome.code)
        .text(outcome.message)
        .finish();
    case "read":
      writer.u8(outcome.ownersAnswered).u8(outcome.ownersTotal).varint(outcome.siblings.length);
      for (const sibling of outcome.siblings) {
        writer.text(sibling.contentType).varint(sibling.modifiedMs).bytes(sibling.value);
      }
      return writer.finish();
  }
}

/** Throws MalformedBytes. */
export function decodeOutcome(bytes: Uint8Array): WriteOutcome | ReadOutcome {
  const reader = new ByteReader(bytes);
  const kind = reader.u8();
  const context = reader.bytes(BODY_BYTES_MAX);
  if (kind === OUTCOME.written) return { kind: "written", context };
  if (kind === OUTCOME.failed) return readFailure(reader, context);
  if (kind !== OUTCOME.read) throw new MalformedBytes(`unknown outcome ${kind}`);
  const ownersAnswered = reader.u8();
  const ownersTotal = reader.u8();
  const siblings: ShownSibling[] = [];
  for (let left = reader.varint(); left > 0; left--) {
    const contentType = reader.text(NAME_BYTES_MAX);
    const modifiedMs = reader.varint();
    siblings.push({ contentType, modifiedMs, value: reader.bytes(BODY_BYTES_MAX) });
  }
  return { kind: "read", context, ownersAnswered, ownersTotal, siblings };
}

function readFailure(reader: ByteReader, context: Uint8Array): Failure {
  const maybeApplied = reader.u8() === 1;
  const code = reader.text(NAME_BYTES_MAX) as FailureCode;
  return { kind: "failed", maybeApplied, code, message: reader.text(NAME_BYTES_MAX), context };
}
