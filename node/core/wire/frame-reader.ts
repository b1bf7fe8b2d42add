import { decodeUtf8, MalformedBytes } from "../bytes/byte-reader.ts";
import type { Lane } from "../ports/transport.ts";
import * as frame from "./frame.ts";

/** Who is told what arrived. Bytes are views into the chunk that was pushed, or freshly joined: never reused. */
export interface FrameSink {
  message(lane: Lane, bytes: Uint8Array): void;
  ping(token: Uint8Array): void;
  pong(token: Uint8Array): void;
  closing(reason: string): void;
  cluster(clusterId: string): void;
}

interface PartialMessage {
  readonly lane: Lane;
  readonly bytes: Uint8Array;
  filled: number;
}

/**
 * Cuts frames out of the chunks of a byte stream and joins long messages.
 * Intuition: a small message inside one chunk is handed on as a view, without a copy; a frame that a chunk boundary
 * cuts is copied once into a buffer of its own; a fragment is copied once to its place in the whole message.
 * Invariant: what a peer can make this hold is bounded by one frame, PARTIAL_MESSAGES_MAX and `messageBytesMax` (of all
 * unfinished messages together).
 */
export class FrameReader {
  readonly #sink: FrameSink;
  readonly #messageBytesMax: number;
  readonly #partials = new Map<number, PartialMessage>();
  #partialBytes = 0;
  /** The bytes of a cut header, then of a cut frame. */
  #cut: Uint8Array | undefined;
  #cutFilled = 0;
  readonly #cutHeader = new Uint8Array(frame.FRAME_HEADER_BYTES);
  #headerFilled = 0;
  #stopped = false;

  constructor(sink: FrameSink, messageBytesMax: number) {
    this.#sink = sink;
    this.#messageBytesMax = messageBytesMax;
  }

  /** Ignores everything from here on, also the rest of the chunk that is being read. */
  stop(): void {
    this.#stopped = true;
    this.#partials.clear();
    this.#cut = undefined;
  }

  /** Throws MalformedBytes at the first frame that breaks the format: the stream cannot be followed any further. */
  push(chunk: Uint8Array): void {
    let at = this.#headerFilled > 0 ? this.#finishCutFrame(chunk) : 0;
    const end = chunk.length;
    while (!this.#stopped && at < end) {
      if (end - at < frame.FRAME_HEADER_BYTES) {
        this.#cutHeader.set(chunk.subarray(at, end));
        this.#headerFilled = end - at;
        return;
      }
      const type = chunk[at]!;
      const length = frameLength(chunk, at);
      const from = at + frame.FRAME_HEADER_BYTES;
      if (end - from < length) {
        this.#cutHeader.set(chunk.subarray(at, from));
        this.#headerFilled = frame.FRAME_HEADER_BYTES;
        this.#cut = new Uint8Array(length);
        this.#cut.set(chunk.subarray(from, end));
        this.#cutFilled = end - from;
        return;
      }
      at = from + length;
      this.#take(type, chunk, from, length);
    }
  }

  /** Goes on with the frame that the last chunk cut; returns where the next frame begins. */
  #finishCutFrame(chunk: Uint8Array): number {
    let at = 0;
    const header = this.#cutHeader;
    while (this.#headerFilled < frame.FRAME_HEADER_BYTES && at < chunk.length)
      header[this.#headerFilled++] = chunk[at++]!;
    if (this.#headerFilled < frame.FRAME_HEADER_BYTES) return at;
    this.#cut ??= new Uint8Array(frameLength(header, 0));
    const cut = this.#cut;
    const count = Math.min(cut.length - this.#cutFilled, chunk.length - at);
    cut.set(chunk.subarray(at, at + count), this.#cutFilled);
    this.#cutFilled += count;
    if (this.#cutFilled === cut.length) {
      this.#cut = undefined;
      this.#cutFilled = 0;
      this.#headerFilled = 0;
      this.#take(header[0]!, cut, 0, cut.length);
    }
    return at + count;
  }

  #take(type: number, from: Uint8Array, at: number, length: number): void {
    const lane = frame.laneOf(type & 0x0f);
    if (type < frame.FRAME.ping && lane !== undefined) {
      switch (type & 0xf0) {
        case frame.FRAME.whole:
          // Not subarray(): that would make a Buffer of a Buffer's part, and cost more.
          this.#sink.message(lane, view(from, at, length));
          return;
        case frame.FRAME.first:
          this.#first(lane, view(from, at, length));
          return;
        case frame.FRAME.next:
          this.#next(view(from, at, length));
          return;
      }
    }
    this.#takeLinkFrame(type, view(from, at, length));
  }

  #takeLinkFrame(type: number, payload: Uint8Array): void {
    switch (type) {
      case frame.FRAME.ping:
      case frame.FRAME.pong:
        if (payload.length > frame.PING_BYTES_MAX)
          throw new MalformedBytes(`ping of ${payload.length} bytes`);
        if (type === frame.FRAME.ping) this.#sink.ping(payload);
        else this.#sink.pong(payload);
        return;
      case frame.FRAME.closing:
        this.#sink.closing(decodeUtf8(payload));
        return;
      case frame.FRAME.cluster:
        this.#sink.cluster(decodeUtf8(payload));
        return;
    }
    if (type < frame.SKIPPED_FROM) throw new MalformedBytes(`unknown frame type 0x${type.toString(16)}`);
  }

  #first(lane: Lane, payload: Uint8Array): void {
    if (payload.length <= frame.FIRST_HEADER_BYTES) throw new MalformedBytes("first fragment without bytes");
    const number = frame.readU32(payload, 0);
    const total = frame.readU32(payload, 4);
    if (this.#partials.has(number)) throw new MalformedBytes(`message ${number} begins twice`);
    if (this.#partials.size >= frame.PARTIAL_MESSAGES_MAX)
      throw new MalformedBytes("too many unfinished messages");
    if (this.#partialBytes + total > this.#messageBytesMax) {
      throw new MalformedBytes(`message of ${total} bytes exceeds the limit of ${this.#messageBytesMax}`);
    }
    const partial: PartialMessage = { lane, bytes: new Uint8Array(total), filled: 0 };
    this.#partials.set(number, partial);
    this.#partialBytes += total;
    this.#append(number, partial, payload, frame.FIRST_HEADER_BYTES);
  }

  #next(payload: Uint8Array): void {
    if (payload.length <= frame.NEXT_HEADER_BYTES) throw new MalformedBytes("fragment without bytes");
    const number = frame.readU32(payload, 0);
    const partial = this.#partials.get(number);
    if (partial === undefined) throw new MalformedBytes(`fragment of unknown message ${number}`);
    this.#append(number, partial, payload, frame.NEXT_HEADER_BYTES);
  }

  #append(number: number, partial: PartialMessage, payload: Uint8Array, skip: number): void {
    const filled = partial.filled + payload.length - skip;
    if (filled > partial.bytes.length)
      throw new MalformedBytes(`message ${number} exceeds its announced length`);
    partial.bytes.set(payload.subarray(skip), partial.filled);
    partial.filled = filled;
    if (filled < partial.bytes.length) return;
    this.#partials.delete(number);
    this.#partialBytes -= filled;
    this.#sink.message(partial.lane, partial.bytes);
  }
}

function view(from: Uint8Array, at: number, length: number): Uint8Array {
  return new Uint8Array(from.buffer, from.byteOffset + at, length);
}

function frameLength(header: Uint8Array, at: number): number {
  const length = (header[at + 1]! << 16) | (header[at + 2]! << 8) | header[at + 3]!;
  if (length === 0) throw new MalformedBytes("empty frame");
  if (length > frame.FRAME_PAYLOAD_BYTES_MAX) throw new MalformedBytes(`frame of ${length} bytes`);
  return length;
}
