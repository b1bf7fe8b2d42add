import { ByteReader, MalformedBytes } from "../bytes/byte-reader.ts";
import { ByteWriter, varintBytes } from "../bytes/byte-writer.ts";
import { type NodeId, parseNodeId } from "../node-id.ts";
import { FORMED, type RingNumber } from "../ring/ring-number.ts";

/**
 * What members say to one another. A message is: u8 kind · u32 call · body. A request and its reply carry the same
 * call number; a request also carries the milliseconds that are left to answer it (never a time of day: clocks
 * differ). Data travels in binary, ring and control bodies in JSON.
 *
 * Protocol version 2: what is planned by a ring later than the formed one says so. `NUMBERED` is added to the kind, and
 * generation and epoch, a varint each, follow the milliseconds. By the formed ring, messages are those of version 1, to
 * the byte; releases that know no other ring never get one of version 2.
 */
export const KIND = {
  reply: 0,
  replicate: 1,
  read: 2,
  forward: 3,
  control: 4,
  anti_entropy: 5,
  seal: 6,
} as const;

const NUMBERED = 0x40;

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
  | ({ readonly kind: "replicate"; readonly body: ReplicateRequest } & Planned)
  | ({ readonly kind: "read"; readonly body: ReadRequest } & Planned)
  /** A client's request, handed on once to an owner; the body is opaque here (coordinator/forwarding.ts). */
  | ({ readonly kind: "forward"; readonly body: Uint8Array } & Planned)
  /** A ring or membership message: a JSON document. */
  | { readonly kind: "control"; readonly body: Uint8Array }
  /** A question about copies that both own; opaque here (antientropy/exchange-questions.ts). */
  | { readonly kind: "anti_entropy"; readonly body: Uint8Array }
  /** A request of a seal round; opaque here (seal/seal-messages.ts). */
  | { readonly kind: "seal"; readonly body: Uint8Array };

interface Planned {
  /** The ring by which the receiver was chosen (ring/change/fence.ts). */
  readonly planned: RingNumber;
}

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
      return encodeReplicate(call, remainingMs, request);
    case "read":
      return encodeRead(call, remainingMs, request);
    case "forward":
      return plannedHeader(KIND.forward, call, remainingMs, request, request.body.length)
        .raw(request.body)
        .finish();
    case "control":
    case "anti_entropy":
    case "seal":
      return header(KIND[request.kind], call, remainingMs, request.body.length).raw(request.body).finish();
  }
}

function encodeReplicate(
  call: number,
  remainingMs: number,
  request: Extract<PeerRequest, { kind: "replicate" }>,
): Uint8Array {
  const { body } = request;
  const ownerBytes = 37 * body.keptFor.length;
  const bodyBytes = 17 + ownerBytes + body.record.length;
  const writer = plannedHeader(KIND.replicate, call, remainingMs, request, bodyBytes);
  writer.raw(body.position).u8(body.keptFor.length | (body.handedOver === true ? HANDED_OVER : 0));
  for (const owner of body.keptFor) writer.text(owner);
  return writer.raw(body.record).finish();
}

function encodeRead(
  call: number,
  remainingMs: number,
  request: Extract<PeerRequest, { kind: "read" }>,
): Uint8Array {
  const { body } = request;
  const bodyBytes = 18 + body.bucket.length + body.key.length;
  const writer = plannedHeader(KIND.read, call, remainingMs, request, bodyBytes);
  writer.raw(body.position).u8(body.want === "record" ? 1 : 0);
  return writer.bytes(body.bucket).raw(body.key).finish();
}

function plannedHeader(
  kind: number,
  call: number,
  remainingMs: number,
  { planned: { generation, epoch } }: Planned,
  bodyBytes: number,
): ByteWriter {
  if (generation === FORMED.generation && epoch === FORMED.epoch)
    return header(kind, call, remainingMs, bodyBytes);
  const numberBytes = varintBytes(generation) + varintBytes(epoch);
  return header(kind | NUMBERED, call, remainingMs, numberBytes + bodyBytes)
    .varint(generation)
    .varint(epoch);
}

function header(kind: number, call: number, remainingMs: number, bodyBytes: number): ByteWriter {
  return new ByteWriter(9 + bodyBytes)
    .u8(kind)
    .u32(call)
    .u32(Math.max(0, Math.floor(remainingMs)));
}

/** One of `KIND`, whatever ring the message was planned by; any other number where the kind is unknown. */
export function kindOf(message: Uint8Array): number {
  return message[0]! & ~NUMBERED;
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
  if ((kind & NUMBERED) === 0) return decodeBody(kind, reader, FORMED);
  const bare = kind & ~NUMBERED;
  if (bare < KIND.replicate || bare > KIND.forward)
    throw new MalformedBytes(`unknown kind of message ${kind}`);
  return decodeBody(bare, reader, { generation: reader.varint(), epoch: reader.varint() });
}

function decodeBody(kind: number, reader: ByteReader, planned: RingNumber): PeerRequest {
  switch (kind) {
    case KIND.replicate: {
      const position = reader.raw(16);
      const { count, handedOver } = readOwnerCount(reader);
      if (count > OWNERS_MAX) throw new MalformedBytes(`a hint for ${count} owners`);
      const keptFor: NodeId[] = [];
      for (let i = 0; i < count; i++) keptFor.push(ownerId(reader.text(NODE_ID_BYTES)));
      if (reader.remaining > RECORD_BYTES_MAX) throw new MalformedBytes("record too large");
      const record = reader.raw(reader.remaining);
      const body = { position, keptFor, record, ...(handedOver && { handedOver }) };
      return { kind: "replicate", body, planned };
    }
    case KIND.read: {
      const position = reader.raw(16);
      const want = reader.u8() === 1 ? "record" : "digest";
      const bucket = reader.bytes(NAME_BYTES_MAX);
      if (reader.remaining > NAME_BYTES_MAX) throw new MalformedBytes(`a key of ${reader.remaining} bytes`);
      const body = { position, want, bucket, key: reader.raw(reader.remaining) } as const;
      return { kind: "read", body, planned };
    }
    case KIND.forward:
      return { kind: "forward", body: reader.raw(reader.remaining), planned };
    case KIND.control:
      return { kind: "control", body: reader.raw(reader.remaining) };
    case KIND.anti_entropy:
      return { kind: "anti_entropy", body: reader.raw(reader.remaining) };
    case KIND.seal:
      return { kind: "seal", body: reader.raw(reader.remaining) };
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
