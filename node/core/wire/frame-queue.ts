import type { Lane } from "../ports/transport.ts";
import { invariant } from "../invariant.ts";
import { FrameFifo } from "./frame-fifo.ts";
import * as frame from "./frame.ts";

/**
 * What waits to be written on one connection, and in which order it goes.
 * Intuition: each round takes all control traffic, then up to 64 KiB of small messages, then one fragment of one long
 * message, the long ones by turns. So a small message waits behind at most one fragment, and long ones keep moving
 * under any load of small ones.
 * Invariant: each class (control, small, long) holds at most its window, or a single message that alone is larger.
 */
export interface FrameQueueLimits {
  /** Bytes queued for each of the classes small and long. */
  readonly windowBytes: number;
  readonly controlWindowBytes: number;
  /** The lesser of both sides' limits. */
  readonly messageBytesMax: number;
}

interface LongMessage {
  readonly number: number;
  readonly lane: Lane;
  readonly bytes: Uint8Array;
  sent: number;
}

interface SmallMessage {
  readonly lane: Lane;
  readonly bytes: Uint8Array;
}

/** What a queued message costs beside its bytes, so that tiny ones are bounded too. */
const MESSAGE_OVERHEAD_BYTES = 64;
const ROUND_BYTES = 64 * 1024;
/** From here on a message is written as it lies instead of being copied into the round's buffer. */
const COPY_BYTES_MAX = 8 * 1024;
/** Long messages that take turns; the control lane may add its own up to PARTIAL_MESSAGES_MAX. */
const LONG_TURNS = 8;
const LINK_FRAMES_MAX = 64;

export class FrameQueue {
  readonly #limits: FrameQueueLimits;
  readonly #allocate: (length: number) => Uint8Array;
  readonly #linkFrames: Uint8Array[] = [];
  readonly #control = new FrameFifo<SmallMessage>();
  readonly #small = new FrameFifo<SmallMessage>();
  readonly #waiting = new FrameFifo<LongMessage>();
  readonly #waitingControl = new FrameFifo<LongMessage>();
  readonly #turns: LongMessage[] = [];
  #turn = 0;
  #turnBytes = 0;
  #messageNumber = 0;
  #controlBytes = 0;
  #smallBytes = 0;
  #longBytes = 0;

  /** `allocate` gives a buffer of that length, zeroed or not, that nobody else holds. */
  constructor(limits: FrameQueueLimits, allocate: (length: number) => Uint8Array) {
    this.#limits = limits;
    this.#allocate = allocate;
  }

  get queuedBytes(): number {
    return this.#controlBytes + this.#smallBytes + this.#longBytes;
  }

  /** False, and nothing kept, where the window of its class is full or the peer takes no message of that length. */
  offer(bytes: Uint8Array, lane: Lane): boolean {
    const length = bytes.length;
    invariant(length > 0, "a peer message has at least one byte");
    if (length > this.#limits.messageBytesMax) return false;
    const cost = length + MESSAGE_OVERHEAD_BYTES;
    const long = length > frame.FRAME_PAYLOAD_BYTES_MAX;
    if (lane === "control") {
      if (!fits(this.#controlBytes, cost, this.#limits.controlWindowBytes)) return false;
      this.#controlBytes += cost;
      if (long) this.#waitingControl.push(this.#longMessage(lane, bytes));
      else this.#control.push({ lane, bytes });
    } else if (long) {
      if (!fits(this.#longBytes, cost, this.#limits.windowBytes)) return false;
      this.#longBytes += cost;
      this.#waiting.push(this.#longMessage(lane, bytes));
    } else {
      if (!fits(this.#smallBytes, cost, this.#limits.windowBytes)) return false;
      this.#smallBytes += cost;
      this.#small.push({ lane, bytes });
    }
    return true;
  }

  /** A whole frame of the link itself, before everything else. Dropped (false) where 64 wait already. */
  offerLinkFrame(whole: Uint8Array): boolean {
    if (this.#linkFrames.length >= LINK_FRAMES_MAX) return false;
    this.#linkFrames.push(whole);
    return true;
  }

  /** The next round, as pieces to be written in this order; empty where nothing waits. */
  take(): Uint8Array[] {
    this.#admitToTurns();
    const round = new Round();
    for (const whole of this.#linkFrames) round.add(whole);
    this.#linkFrames.length = 0;
    this.#controlBytes -= drain(this.#control, round);
    this.#smallBytes -= drain(this.#small, round);
    this.#takeFragment(round);
    return round.pieces(this.#allocate);
  }

  #longMessage(lane: Lane, bytes: Uint8Array): LongMessage {
    this.#messageNumber = (this.#messageNumber + 1) >>> 0;
    return { number: this.#messageNumber, lane, bytes, sent: 0 };
  }

  #admitToTurns(): void {
    this.#admitFrom(this.#waitingControl, frame.PARTIAL_MESSAGES_MAX);
    if (this.#waitingControl.length === 0) this.#admitFrom(this.#waiting, LONG_TURNS);
  }

  /** The receiver bounds its unfinished messages by count and by their bytes together; so does the sender. */
  #admitFrom(waiting: FrameFifo<LongMessage>, turnsMax: number): void {
    for (let next = waiting.peek(); next !== undefined; next = waiting.peek()) {
      if (this.#turns.length >= turnsMax) return;
      if (this.#turnBytes + next.bytes.length > this.#limits.messageBytesMax) return;
      waiting.shift();
      this.#turns.push(next);
      this.#turnBytes += next.bytes.length;
    }
  }

  #takeFragment(round: Round): void {
    if (this.#turns.length === 0) return;
    let at = this.#turns.findIndex((each) => each.lane === "control");
    if (at < 0) at = this.#turn % this.#turns.length;
    const message = this.#turns[at]!;
    const header = message.sent === 0 ? frame.FIRST_HEADER_BYTES : frame.NEXT_HEADER_BYTES;
    const count = Math.min(frame.FRAME_PAYLOAD_BYTES_MAX - header, message.bytes.length - message.sent);
    const type =
      (header === frame.FIRST_HEADER_BYTES ? frame.FRAME.first : frame.FRAME.next) |
      frame.laneCode(message.lane);
    const head = new Uint8Array(frame.FRAME_HEADER_BYTES + header);
    let behind = frame.writeFrameHeader(head, 0, type, header + count);
    behind = frame.writeU32(head, behind, message.number);
    if (header === frame.FIRST_HEADER_BYTES) frame.writeU32(head, behind, message.bytes.length);
    round.add(head);
    round.add(message.bytes.subarray(message.sent, message.sent + count));
    message.sent += count;
    if (message.lane !== "control") this.#turn = at + 1;
    if (message.sent === message.bytes.length) this.#finish(at, message);
  }

  #finish(at: number, message: LongMessage): void {
    this.#turns.splice(at, 1);
    if (at < this.#turn) this.#turn--;
    this.#turnBytes -= message.bytes.length;
    const cost = message.bytes.length + MESSAGE_OVERHEAD_BYTES;
    if (message.lane === "control") this.#controlBytes -= cost;
    else this.#longBytes -= cost;
  }
}

function fits(queued: number, cost: number, window: number): boolean {
  return queued === 0 || queued + cost <= window;
}

/** Moves small messages into the round, up to ROUND_BYTES; returns what they cost. */
function drain(messages: FrameFifo<SmallMessage>, round: Round): number {
  let cost = 0;
  for (let next = messages.peek(); next !== undefined && cost < ROUND_BYTES; next = messages.peek()) {
    messages.shift();
    round.addMessage(next);
    cost += next.bytes.length + MESSAGE_OVERHEAD_BYTES;
  }
  return cost;
}

/** Collects the parts of one round, then lays short ones side by side in one buffer. */
class Round {
  readonly #parts: Uint8Array[] = [];
  /** Frame type of the part where it is a whole message, −1 where it carries its own header. */
  readonly #types: number[] = [];
  #copied = 0;

  add(bytes: Uint8Array): void {
    this.#push(bytes, -1);
  }

  addMessage(message: SmallMessage): void {
    this.#copied += frame.FRAME_HEADER_BYTES;
    this.#push(message.bytes, frame.FRAME.whole | frame.laneCode(message.lane));
  }

  pieces(allocate: (length: number) => Uint8Array): Uint8Array[] {
    if (this.#parts.length === 0) return [];
    const pieces: Uint8Array[] = [];
    const buffer = allocate(this.#copied);
    let from = 0;
    let at = 0;
    for (let i = 0; i < this.#parts.length; i++) {
      const part = this.#parts[i]!;
      const type = this.#types[i]!;
      if (type >= 0) at = frame.writeFrameHeader(buffer, at, type, part.length);
      if (part.length <= COPY_BYTES_MAX) {
        buffer.set(part, at);
        at += part.length;
        continue;
      }
      if (at > from) pieces.push(buffer.subarray(from, at));
      pieces.push(part);
      from = at;
    }
    if (at > from) pieces.push(buffer.subarray(from, at));
    return pieces;
  }

  #push(bytes: Uint8Array, type: number): void {
    this.#parts.push(bytes);
    this.#types.push(type);
    if (bytes.length <= COPY_BYTES_MAX) this.#copied += bytes.length;
  }
}
