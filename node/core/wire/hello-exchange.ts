import { ByteReader, MalformedBytes } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import {
  decodeHello,
  encodeHello,
  HELLO_BYTES_MAX,
  type Hello,
  PROTOCOL_VERSION,
  PROTOCOL_VERSION_MIN,
} from "./hello.ts";

/**
 * The exchange that opens a peer connection. Each message is: magic DB 44 4B · letter · u16 length · body.
 *
 *     dialer → H(ello)      listener → H(ello) P(roof)      dialer → P(roof)      listener → A(ccept), then frames
 *
 * Either side may say R(efusal) instead of its next message and close. A proof is an HMAC-SHA-256 under the cluster
 * secret over a label of the direction and both hellos, hence both nonces: it cannot be replayed or reflected, and a
 * hello changed on the way is noticed. The first byte is not 0x16, so that TLS can share the port one day.
 */
export type HandshakeMessage =
  | { readonly kind: "hello"; readonly hello: Hello; readonly body: Uint8Array }
  | { readonly kind: "proof"; readonly keyId: number; readonly mac: Uint8Array }
  | { readonly kind: "accept" }
  | { readonly kind: "refusal"; readonly refusal: Refusal };

export type HandshakeRole = "dialer" | "listener";

export interface Refusal {
  readonly code: RefusalCode;
  /** For the person who reads the log of the other side. */
  readonly reason: string;
}

const REFUSAL_CODES = [
  "malformed",
  "protocol",
  "cluster",
  "secret",
  "auth_method",
  "self",
  "duplicate_identity",
  "already_connected",
  "no_session",
  "busy",
] as const;

/** "other" is a code that a newer peer sent and this node does not know. */
export type RefusalCode = (typeof REFUSAL_CODES)[number] | "other";

const MAGIC = [0xdb, 0x44, 0x4b] as const;
const LETTER = { hello: 0x48, proof: 0x50, accept: 0x41, refusal: 0x52 } as const;
const HEADER_BYTES = 6;
const MAC_BYTES = 32;
const REASON_BYTES_MAX = 1024;

/** `body` is what encodeHello gave: the very bytes that the proofs cover. */
export function helloMessage(body: Uint8Array): Uint8Array {
  return wrap(LETTER.hello, body);
}

/** `mac` is 32 bytes: HMAC-SHA-256 over proofInput under the key named `keyId` (0–255). */
export function proofMessage(keyId: number, mac: Uint8Array): Uint8Array {
  return wrap(LETTER.proof, new ByteWriter(1 + MAC_BYTES).u8(keyId).raw(mac).finish());
}

export function acceptMessage(): Uint8Array {
  return wrap(LETTER.accept, new Uint8Array(0));
}

export function refusalMessage(refusal: Refusal): Uint8Array {
  return wrap(
    LETTER.refusal,
    new ByteWriter(128).text(refusal.code).text(refusal.reason.slice(0, 256)).finish(),
  );
}

/** What `prover` must authenticate: a label of the direction, then both hellos with their lengths. */
export function proofInput(
  prover: HandshakeRole,
  dialerHello: Uint8Array,
  listenerHello: Uint8Array,
): Uint8Array {
  return new ByteWriter(64 + dialerHello.length + listenerHello.length)
    .text(`dynamokv peer proof 1: ${prover}`)
    .bytes(dialerHello)
    .bytes(listenerHello)
    .finish();
}

/** Why two nodes must not talk, judged by their hellos alone; worded for the node that reads it ("you"). */
export function mismatch(mine: Hello, theirs: Hello): Refusal | undefined {
  if (mine.protocolMax < theirs.protocolMin || theirs.protocolMax < mine.protocolMin) {
    const whom = theirs.protocolMax < mine.protocolMin ? "upgrade your node" : "this node has to be upgraded";
    const reason = `no common protocol: this node speaks ${range(mine)}, you speak ${range(theirs)}: ${whom}`;
    return { code: "protocol", reason };
  }
  if (clustersDiffer(mine.clusterId, theirs.clusterId)) {
    const reason = `other cluster: this node is of ${mine.clusterId}, you are of ${theirs.clusterId}`;
    return { code: "cluster", reason };
  }
  if (mine.nodeId === theirs.nodeId) {
    return mine.incarnation === theirs.incarnation
      ? { code: "self", reason: "this address leads back to yourself" }
      : { code: "duplicate_identity", reason: `another live process already is node ${mine.nodeId}` };
  }
  if (mine.authMethod !== theirs.authMethod) {
    const reason = `this node authenticates by ${mine.authMethod}, you by ${theirs.authMethod}`;
    return { code: "auth_method", reason };
  }
  return undefined;
}

/** An empty id is a node in no ring yet: it may talk to any cluster, to be admitted there. */
export function clustersDiffer(mine: string, theirs: string): boolean {
  return mine !== "" && theirs !== "" && mine !== theirs;
}

function range(hello: Hello): string {
  return hello.protocolMin === hello.protocolMax
    ? String(hello.protocolMax)
    : `${hello.protocolMin}–${hello.protocolMax}`;
}

function wrap(letter: number, body: Uint8Array): Uint8Array {
  const writer = new ByteWriter(HEADER_BYTES + body.length);
  for (const byte of MAGIC) writer.u8(byte);
  return writer
    .u8(letter)
    .u8(body.length >>> 8)
    .u8(body.length)
    .raw(body)
    .finish();
}

/** The bytes are no DynamoKV handshake at all: the other side would not understand a refusal either. */
export class NotAPeer extends MalformedBytes {
  constructor(message: string) {
    super(message);
    this.name = "NotAPeer";
  }
}

/** Cuts the exchange out of a byte stream; what follows the last message (frames) is left in `rest`. */
export class HandshakeReader {
  #bytes: Uint8Array = new Uint8Array(0);

  push(chunk: Uint8Array): void {
    if (this.#bytes.length === 0) {
      this.#bytes = chunk;
      return;
    }
    const joined = new Uint8Array(this.#bytes.length + chunk.length);
    joined.set(this.#bytes);
    joined.set(chunk, this.#bytes.length);
    this.#bytes = joined;
  }

  get rest(): Uint8Array {
    return this.#bytes;
  }

  /** The next whole message; undefined where bytes are missing. Throws MalformedBytes, NotAPeer at the first wrong byte. */
  next(): HandshakeMessage | undefined {
    const bytes = this.#bytes;
    for (let i = 0; i < MAGIC.length && i < bytes.length; i++) {
      if (bytes[i] !== MAGIC[i]) throw new NotAPeer(describeStranger(bytes[0]!));
    }
    if (bytes.length < HEADER_BYTES) return undefined;
    const length = bytes[4]! * 256 + bytes[5]!;
    if (length > HELLO_BYTES_MAX) throw new MalformedBytes(`handshake message of ${length} bytes`);
    if (bytes.length < HEADER_BYTES + length) return undefined;
    this.#bytes = bytes.subarray(HEADER_BYTES + length);
    return decode(bytes[3]!, bytes.subarray(HEADER_BYTES, HEADER_BYTES + length));
  }
}

function describeStranger(first: number): string {
  if (first === 0x16) return "TLS bytes on a peer port that does not speak TLS";
  return "not a DynamoKV peer (is something else dialling the peer port?)";
}

function decode(letter: number, body: Uint8Array): HandshakeMessage {
  switch (letter) {
    case LETTER.hello:
      return { kind: "hello", hello: decodeHello(body), body };
    case LETTER.proof: {
      if (body.length !== 1 + MAC_BYTES) throw new MalformedBytes(`proof of ${body.length} bytes`);
      return { kind: "proof", keyId: body[0]!, mac: body.subarray(1) };
    }
    case LETTER.accept:
      return { kind: "accept" };
    case LETTER.refusal: {
      const reader = new ByteReader(body);
      const code = reader.text(64);
      const known = REFUSAL_CODES.find((each) => each === code) ?? "other";
      return { kind: "refusal", refusal: { code: known, reason: reader.text(REASON_BYTES_MAX) } };
    }
    default:
      throw new MalformedBytes(`unknown handshake message 0x${letter.toString(16)}`);
  }
}

/**
 * The hello of this release, with what the caller knows filled in.
 * @param isRingLater the ring is later than the formed one: releases of version 1 cannot take part any more, and are told so
 */
export function currentHello(
  fields: Omit<Hello, "protocolMin" | "protocolMax" | "features">,
  isRingLater: boolean,
): {
  hello: Hello;
  body: Uint8Array;
} {
  const hello: Hello = {
    ...fields,
    protocolMin: isRingLater ? PROTOCOL_VERSION : PROTOCOL_VERSION_MIN,
    protocolMax: PROTOCOL_VERSION,
    features: 0,
  };
  return { hello, body: encodeHello(hello) };
}
