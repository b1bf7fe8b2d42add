import { ByteReader, decodeUtf8, MalformedBytes } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { parseNodeId, type NodeId } from "../node-id.ts";

/**
 * What a node says of itself when a peer connection opens, before anything is proven.
 * Intuition: a bag of tagged fields (u8 tag · u16 length · value); a reader skips tags that it does not know, so a
 * newer node can say more to an older one, during a rolling upgrade for instance.
 * Invariant: whatever a stranger sends is bounded (HELLO_BYTES_MAX) and either decodes fully or is refused.
 */
export interface Hello {
  /** Versions of the link protocol that this node speaks, inclusive, 0–65535. */
  readonly protocolMin: number;
  readonly protocolMax: number;
  /** Bit set of optional abilities, u32; both sides use what both have. */
  readonly features: number;
  /** Empty while the node is in no ring. */
  readonly clusterId: string;
  readonly nodeId: NodeId;
  /** Random per process start: tells a restarted node from a second process with the same identity. */
  readonly incarnation: string;
  readonly zone: string;
  /** host:port where the node wants to be dialled. */
  readonly address: string;
  /** host:port of its client listener, for the routing table that clients read; may be empty. */
  readonly clientAddress: string;
  readonly version: string;
  readonly authMethod: string;
  /** 16–64 random bytes, fresh for each connection. */
  readonly nonce: Uint8Array;
  /** "foreground" carries the control lane as well. */
  readonly lane: LinkLane;
  /** Longest message that the node takes in on this connection. */
  readonly messageBytesMax: number;
}

export type LinkLane = "foreground" | "bulk";

/** Version 2: requests and refusals that name a ring later than the formed one (messages.ts, replies.ts). */
export const PROTOCOL_VERSION = 2;
/** Still spoken while the ring is the formed one, the only one that releases of version 1 know: all messages are the same then. */
export const PROTOCOL_VERSION_MIN = 1;
export const AUTH_HMAC_SHA256 = "hmac-sha256";
export const HELLO_BYTES_MAX = 4096;
const NONCE_BYTES_MIN = 16;
const NONCE_BYTES_MAX = 64;
const TEXT_BYTES_MAX = 512;

const TAG = {
  protocol: 1,
  features: 2,
  clusterId: 3,
  nodeId: 4,
  incarnation: 5,
  zone: 6,
  address: 7,
  version: 8,
  authMethod: 9,
  nonce: 10,
  lane: 11,
  messageBytesMax: 12,
  clientAddress: 13,
} as const;

/** Throws a RangeError where a field is too long: the node's own configuration is at fault then. */
export function encodeHello(hello: Hello): Uint8Array {
  const writer = new ByteWriter(512);
  field(writer, TAG.protocol, [...u16(hello.protocolMin), ...u16(hello.protocolMax)]);
  field(writer, TAG.features, u32(hello.features));
  text(writer, TAG.clusterId, hello.clusterId);
  text(writer, TAG.nodeId, hello.nodeId);
  text(writer, TAG.incarnation, hello.incarnation);
  text(writer, TAG.zone, hello.zone);
  text(writer, TAG.address, hello.address);
  text(writer, TAG.version, hello.version);
  text(writer, TAG.authMethod, hello.authMethod);
  field(writer, TAG.nonce, hello.nonce);
  field(writer, TAG.lane, [hello.lane === "bulk" ? 1 : 0]);
  field(writer, TAG.messageBytesMax, u32(hello.messageBytesMax));
  text(writer, TAG.clientAddress, hello.clientAddress);
  if (writer.length > HELLO_BYTES_MAX)
    throw new RangeError(`hello of ${writer.length} bytes exceeds ${HELLO_BYTES_MAX}`);
  return writer.finish();
}

/** Throws MalformedBytes. The nonce is a view into `bytes`. */
export function decodeHello(bytes: Uint8Array): Hello {
  const fields = readFields(bytes);
  const protocol = new ByteReader(need(fields, TAG.protocol, "protocol"));
  const nonce = need(fields, TAG.nonce, "nonce");
  if (nonce.length < NONCE_BYTES_MIN || nonce.length > NONCE_BYTES_MAX) {
    throw new MalformedBytes(`nonce of ${nonce.length} bytes`);
  }
  const hello: Hello = {
    protocolMin: readU16(protocol),
    protocolMax: readU16(protocol),
    features: optionalU32(fields, TAG.features),
    clusterId: optionalText(fields, TAG.clusterId),
    nodeId: nodeId(textOf(need(fields, TAG.nodeId, "node id"), TAG.nodeId)),
    incarnation: textOf(need(fields, TAG.incarnation, "incarnation"), TAG.incarnation),
    zone: optionalText(fields, TAG.zone),
    address: optionalText(fields, TAG.address),
    clientAddress: optionalText(fields, TAG.clientAddress),
    version: optionalText(fields, TAG.version),
    authMethod: textOf(need(fields, TAG.authMethod, "auth method"), TAG.authMethod),
    nonce,
    lane: lane(need(fields, TAG.lane, "lane")),
    messageBytesMax: new ByteReader(need(fields, TAG.messageBytesMax, "message limit")).u32(),
  };
  if (hello.protocolMin > hello.protocolMax) throw new MalformedBytes("protocol range is upside down");
  if (hello.incarnation === "") throw new MalformedBytes("incarnation is empty");
  if (hello.messageBytesMax === 0) throw new MalformedBytes("message limit is zero");
  return hello;
}

function readFields(bytes: Uint8Array): Map<number, Uint8Array> {
  if (bytes.length > HELLO_BYTES_MAX) throw new MalformedBytes(`hello of ${bytes.length} bytes`);
  const reader = new ByteReader(bytes);
  const fields = new Map<number, Uint8Array>();
  while (reader.remaining > 0) {
    const tag = reader.u8();
    const value = reader.raw(readU16(reader));
    if (fields.has(tag)) throw new MalformedBytes(`hello field ${tag} twice`);
    fields.set(tag, value);
  }
  return fields;
}

function need(fields: Map<number, Uint8Array>, tag: number, name: string): Uint8Array {
  const value = fields.get(tag);
  if (value === undefined) throw new MalformedBytes(`hello without ${name}`);
  return value;
}

function optionalText(fields: Map<number, Uint8Array>, tag: number): string {
  const value = fields.get(tag);
  return value === undefined ? "" : textOf(value, tag);
}

function optionalU32(fields: Map<number, Uint8Array>, tag: number): number {
  const value = fields.get(tag);
  return value === undefined ? 0 : new ByteReader(value).u32();
}

function textOf(value: Uint8Array, tag: number): string {
  if (value.length > TEXT_BYTES_MAX) throw new MalformedBytes(`hello field ${tag} of ${value.length} bytes`);
  return decodeUtf8(value);
}

function nodeId(value: string): NodeId {
  try {
    return parseNodeId(value);
  } catch {
    throw new MalformedBytes("node id is not a UUID");
  }
}

function lane(value: Uint8Array): LinkLane {
  const code = new ByteReader(value).u8();
  if (code > 1) throw new MalformedBytes(`unknown lane ${code}`);
  return code === 1 ? "bulk" : "foreground";
}

function field(writer: ByteWriter, tag: number, value: ArrayLike<number>): void {
  writer
    .u8(tag)
    .u8(value.length >>> 8)
    .u8(value.length);
  writer.raw(Uint8Array.from(value));
}

function text(writer: ByteWriter, tag: number, value: string): void {
  const bytes = utf8.encode(value);
  if (bytes.length > TEXT_BYTES_MAX) throw new RangeError(`hello field ${tag} of ${bytes.length} bytes`);
  field(writer, tag, bytes);
}

function u16(value: number): number[] {
  return [value >>> 8, value & 0xff];
}

function u32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

function readU16(reader: ByteReader): number {
  return reader.u8() * 256 + reader.u8();
}

const utf8 = new TextEncoder();
