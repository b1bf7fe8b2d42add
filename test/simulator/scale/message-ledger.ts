import type { NodeId } from "../../../node/core/node-id.ts";
import { KIND, kindOf } from "../../../node/core/wire/messages.ts";

/** What was sent of one kind of message. */
export interface Sent {
  messages: number;
  bytes: number;
}

/**
 * Counts messages between nodes by what they are: control messages by their type ("gossip.digest"), the others by their kind.
 * Bytes are those of the message; a frame adds 4 (node/core/wire/frame.ts), TCP and IP some 50 more a packet.
 */
export class MessageLedger {
  #sent = new Map<string, Sent>();
  #bytesBySender = new Map<NodeId, number>();
  /** Bytes of the longest message of each kind since the beginning. */
  readonly longest = new Map<string, number>();
  /** Calls that are not control messages: their replies do not say what they are. By who asked. */
  readonly #asked = new Map<NodeId, Map<number, string>>();

  sent(from: NodeId, to: NodeId, message: Uint8Array): void {
    const name = this.#nameOf(from, to, message);
    let sent = this.#sent.get(name);
    if (sent === undefined) this.#sent.set(name, (sent = { messages: 0, bytes: 0 }));
    sent.messages += 1;
    sent.bytes += message.length;
    if (message.length > (this.longest.get(name) ?? 0)) this.longest.set(name, message.length);
    this.#bytesBySender.set(from, (this.#bytesBySender.get(from) ?? 0) + message.length);
  }

  /** All since the last call, which begins a new count. */
  take(): { readonly byName: ReadonlyMap<string, Sent>; readonly bytesOfBusiest: number } {
    const byName = this.#sent;
    const bytesOfBusiest = Math.max(0, ...this.#bytesBySender.values());
    this.#sent = new Map();
    this.#bytesBySender = new Map();
    return { byName, bytesOfBusiest };
  }

  #nameOf(from: NodeId, to: NodeId, message: Uint8Array): string {
    const kind = kindOf(message);
    const isReply = kind === KIND.reply;
    const body = isReply ? REPLY_HEADER_BYTES : REQUEST_HEADER_BYTES;
    if (kind === KIND.control || (isReply && message[body] === OPEN_BRACE)) return typeOf(message, body);
    const call = new DataView(message.buffer, message.byteOffset).getUint32(1);
    if (isReply) return this.#answered(to, call);
    let calls = this.#asked.get(from);
    if (calls === undefined) this.#asked.set(from, (calls = new Map()));
    const name = NAMES[kind] ?? `kind ${kind}`;
    calls.set(call, name);
    return name;
  }

  #answered(asker: NodeId, call: number): string {
    const calls = this.#asked.get(asker);
    const name = calls?.get(call) ?? "reply";
    calls?.delete(call);
    return name;
  }
}

/** See node/core/wire/messages.ts for the layout. */
const REPLY_HEADER_BYTES = 5;
const REQUEST_HEADER_BYTES = 9;
const OPEN_BRACE = 0x7b;

const NAMES: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(KIND).map(([name, kind]) => [kind, name]),
);

/** A control message begins with its type: to parse all of a long one would cost more than to send it. */
const TYPE = /^\{"type":"([a-z_.]+)"/;
const TYPE_BYTES_MAX = 64;

function typeOf(message: Uint8Array, body: number): string {
  const start = ascii.decode(message.subarray(body, body + TYPE_BYTES_MAX));
  return TYPE.exec(start)?.[1] ?? "control";
}

const ascii = new TextDecoder("latin1");
