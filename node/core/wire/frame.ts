import type { Lane } from "../ports/transport.ts";

/**
 * The byte format of an open peer connection: a sequence of frames, u8 type · u24 length · payload of 1 to 65,536
 * bytes. A message that fits is one frame (4 bytes of overhead). A longer one is a "first" frame (u32 message number ·
 * u32 total length · bytes) and "next" frames (u32 message number · bytes), between which other frames may stand: so
 * a large value delays neither control traffic nor a small message.
 * Types from 0x80 on are skipped by a reader that does not know them.
 */
export const FRAME_HEADER_BYTES = 4;
export const FRAME_PAYLOAD_BYTES_MAX = 64 * 1024;
/** Sub-headers of the frames of a long message. */
export const FIRST_HEADER_BYTES = 8;
export const NEXT_HEADER_BYTES = 4;
/** Long messages under way at once on one connection: the receiver refuses more. */
export const PARTIAL_MESSAGES_MAX = 16;
export const MESSAGE_BYTES_MAX = 256 * 1024 * 1024;

export const FRAME = {
  /** + lane code: a whole message. */
  whole: 0x00,
  first: 0x10,
  next: 0x20,
  /** Payload: any bytes of ≤ 64; the receiver sends them back as a pong. */
  ping: 0x41,
  pong: 0x42,
  /** Payload: why, as text. The sender closes the connection behind it. */
  closing: 0x43,
  /** Payload: the cluster id that the sender has just become a member of. */
  cluster: 0x44,
} as const;

export const PING_BYTES_MAX = 64;
export const SKIPPED_FROM = 0x80;

/** By lane code, 1–3. */
const LANES: readonly (Lane | undefined)[] = [undefined, "control", "foreground", "bulk"];

export function laneCode(lane: Lane): number {
  return lane === "foreground" ? 2 : lane === "control" ? 1 : 3;
}

export function laneOf(code: number): Lane | undefined {
  return LANES[code];
}

/** Writes a header at `at` and returns the offset behind it. */
export function writeFrameHeader(into: Uint8Array, at: number, type: number, length: number): number {
  into[at] = type;
  into[at + 1] = length >>> 16;
  into[at + 2] = length >>> 8;
  into[at + 3] = length;
  return at + FRAME_HEADER_BYTES;
}

export function writeU32(into: Uint8Array, at: number, value: number): number {
  into[at] = value >>> 24;
  into[at + 1] = value >>> 16;
  into[at + 2] = value >>> 8;
  into[at + 3] = value;
  return at + 4;
}

export function readU32(from: Uint8Array, at: number): number {
  return ((from[at]! << 24) | (from[at + 1]! << 16) | (from[at + 2]! << 8) | from[at + 3]!) >>> 0;
}

/** A frame of the link itself: ping, pong, closing, cluster. Payload of 1 to 65,536 bytes. */
export function linkFrame(type: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER_BYTES + payload.length);
  frame.set(payload, writeFrameHeader(frame, 0, type, payload.length));
  return frame;
}
