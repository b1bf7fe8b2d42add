import type { NodeId } from "../node-id.ts";
import type { Clock } from "../ports/clock.ts";
import type { Timers } from "../ports/timers.ts";
import type { Lane, Transport } from "../ports/transport.ts";
import { encodeReply } from "../wire/messages.ts";

/**
 * Sends replies. The work is done, so a reply must not be lost to a window that is full just now: its caller would
 * wait until the deadline for what this node knows. It is offered again until it fits, the caller has given up, or the
 * connection is gone. Bounded by what callers may have under way (PeerCalls).
 */
export class PeerReplies {
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #timers: Timers;

  constructor({ transport, clock, timers }: { transport: Transport; clock: Clock; timers: Timers }) {
    this.#transport = transport;
    this.#clock = clock;
    this.#timers = timers;
  }

  /** `untilMs`, on this node's monotonic clock: when the caller gives up. */
  send(to: NodeId, reply: { call: number; body: Uint8Array; lane: Lane; untilMs: number }): void {
    this.#offer(to, encodeReply(reply.call, reply.body), reply);
  }

  #offer(to: NodeId, message: Uint8Array, reply: { lane: Lane; untilMs: number }): void {
    if (this.#clock.monotonicMs() > reply.untilMs) return;
    if (this.#transport.send(to, message, reply.lane) || !this.#transport.isConnected(to)) return;
    this.#timers.after(FULL_WINDOW_PAUSE_MS, () => this.#offer(to, message, reply));
  }
}

const FULL_WINDOW_PAUSE_MS = 5;
