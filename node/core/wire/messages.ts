import { ByteReader, MalformedBytes } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { type NodeId, parseNodeId } from "../node-id.ts";

/**
 * What members say to one another. A message is: u8 kind · u32 call · body. A request and its reply carry the same
 * call number; a request also carries the milliseconds that are left to answer it (never a time of day: clocks
 * differ). Data travels in binary, ring and control bodies in JSON.
 */
export const KIND = {
  reply: 0,
  replicate: 1,
  read: 2,
  forward: 3,
  control: 4,
  anti_entropy: 5,
} as const;

/** Longest bucket and key that a message may carry. */
const NAME_BYTES_MAX = 64 * 1024;
const RECORD_BYTES_MAX = 256 * 1024 * 1024;
const OWNERS_MAX = 16;
const NODE_ID_BYTES = 36;
/** In the byte that counts owners, of which there are at most 16. */
const HANDED_OVER = 0x80;

export interface ReplicateRequest {
  readonly position: Uint8Array;
  readonly record: Uint8Array;
  /** The owners that the receiver stands in for; empty where it is an owner. */
  readonly keptFor: readonly NodeId[];
  /** True: the sender hands over what it kept for the receiver. It is kept like any record, and counted. */
  readonly handedOver?: true;
}

export interface ReadRequest {
  readonly position: Uint8Array;
  readonly bucket: Uint8Array;
  readonly key: Uint8Array;
  readonly want: "record" | "digest";
}

export type PeerRequest =
  | { readonly kind: "replicate"; readonly body: ReplicateRequest }
  | { readonly kind: "read"; readonly body: ReadRequest }
  /** A client's request, handed on once to an owner; the body is opaque here (coordinator/forwarding.ts). */
  | { readonly kind: "forward"; readonly body: Uint8Array }
  /** A ring or membership message: a JSON document. */
  | { readonly kind: "control"; readonly body: Uint8Array }
  /** A question about copies that both own; opaque here (antientropy/exchange-questions.ts). */
  | { readonly kind: "anti_entropy"; readonly body: Uint8Array };

export type PeerMessage =
  | { readonly kind: "reply"; readonly call: number; readonly body: Uint8Array }
  | {
      readonly kind: "request";
      readonly call: number;
      readonly remainingMs: number;
      readonly request: PeerRequest;
    };

export function encodeReply(call: number, body: Uint8Array): Uint8Array {
  return new ByteWriter(5 + body.length).u8(KIND.reply).u32(call).raw(body).finish();
}

export function encodeRequest(call: number, remainingMs: number, request: PeerRequest): Uint8Array {
  switch (request.kind) {
    case "replicate":
      return encodeReplicate(call, remainingMs, request.body);
    case "read":
      return encodeRead(call, remainingMs, request.body);
    case "forward":
    case "control":
    case "anti_entropy":
      return header(KIND[request.kind], call, remainingMs, request.body.length).raw(request.body).finish();
  }
}

function encodeReplicate(call: number, remainingMs: number, body: ReplicateRequest): Uint8Array {
  const ownerBytes = 37 * body.keptFor.length;
  const writer = header(KIND.replicate, call, remainingMs, 17 + ownerBytes + body.record.length);
  writer.raw(body.position).u8(body.keptFor.length | (body.handedOver === true ? HANDED_OVER : 0));
  for (const owner of body.keptFor) writer.text(owner);
  return writer.raw(body.record).finish();
}

function encodeRead(call: number, remainingMs: number, body: ReadRequest): Uint8Array {
  const writer = header(KIND.read, call, remainingMs, 18 + body.bucket.length + body.key.length);
  writer.raw(body.position).u8(body.want === "record" ? 1 : 0);
  return writer.bytes(body.bucket).raw(body.key).finish();
}

function header(kind: number, call: number, remainingMs: number, bodyBytes: number): ByteWriter {
  return new ByteWriter(9 + bodyBytes)
    .u8(kind)
    .u32(call)
    .u32(Math.max(0, Math.floor(remainingMs)));
}

/** Throws MalformedBytes. Byte strings are views into `message`. */
export function decodeMessage(message: Uint8Array): PeerMessage {
  const reader = new ByteReader(message);
  const kind = reader.u8();
  const call = reader.u32();
  if (kind === KIND.reply) return { kind: "reply", call, body: reader.raw(reader.remaining) };
  const remainingMs = reader.u32();
  return { kind: "request", call, remainingMs, request: decodeRequest(kind, reader) };
}

function decodeRequest(kind: number, reader: ByteReader): PeerRequest {
  switch (kind) {
    case KIND.replicate: {
      const position = reader.raw(16);
      const { count, handedOver } = readOwnerCount(reader);
      if (count > OWNERS_MAX) throw new MalformedBytes(`a hint for ${count} owners`);
      const keptFor: NodeId[] = [];
      for (let i = 0; i < count; i++) keptFor.push(ownerId(reader.text(NODE_ID_BYTES)));
      if (reader.remaining > RECORD_BYTES_MAX) throw new MalformedBytes("record too large");
      const record = reader.raw(reader.remaining);
      return { kind: "replicate", body: { position, keptFor, record, ...(handedOver && { handedOver }) } };
    }
    case KIND.read: {
      const position = reader.raw(16);
      const want = reader.u8() === 1 ? "record" : "digest";
      const bucket = reader.bytes(NAME_BYTES_MAX);
      if (reader.remaining > NAME_BYTES_MAX) throw new MalformedBytes(`a key of ${reader.remaining} bytes`);
      return { kind: "read", body: { position, want, bucket, key: reader.raw(reader.remaining) } };
    }
    case KIND.forward:
      return { kind: "forward", body: reader.raw(reader.remaining) };
    case KIND.control:
      return { kind: "control", body: reader.raw(reader.remaining) };
    case KIND.anti_entropy:
      return { kind: "anti_entropy", body: reader.raw(reader.remaining) };
    default:
      throw new MalformedBytes(`unknown kind of message ${kind}`);
  }
}

function readOwnerCount(reader: ByteReader): { count: number; handedOver: boolean } {
  const byte = reader.u8();
  return { count: byte & ~HANDED_OVER, handedOver: (byte & HANDED_OVER) !== 0 };
}

/** A hint for nobody could never be delivered, and would stay for ever. */
function ownerId(text: string): NodeId {
  try {
    return parseNodeId(text);
  } catch {
    throw new MalformedBytes(`a hint for ${JSON.stringify(text)}, which is no node id`);
  }
}
