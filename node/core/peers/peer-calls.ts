import type { NodeId } from "../node-id.ts";
import type { Clock } from "../ports/clock.ts";
import type { Observer } from "../ports/observer.ts";
import type { Random } from "../ports/random.ts";
import type { Timers } from "../ports/timers.ts";
import type { Lane, Transport } from "../ports/transport.ts";
import { encodeRequest, type PeerRequest } from "../wire/messages.ts";
import { CALL_LATE_MS, type CallWatch } from "./call-watch.ts";
import { LatencyWindow } from "./latency-window.ts";

/**
 * Requests to peers and their replies: gives each call a number, matches the reply, and gives up at the deadline
 * or when the connection is lost. A call never rejects: silence is an answer like any other.
 */
export class PeerCalls {
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #observer: Observer;
  readonly #callsPerPeerMax: number;
  readonly #watch: CallWatch | undefined;
  readonly #pending = new Map<number, PendingCall>();
  readonly #pendingPerPeer = new Map<NodeId, number>();
  readonly #latencies = {
    replicate: new LatencyWindow(),
    read: new LatencyWindow(),
    forward: new LatencyWindow(),
  };
  readonly #heardMs = new Map<NodeId, number>();
  /** Begins anywhere: a peer may still answer a call of the process before this one, and be taken at its word. */
  #lastCall: number;
  #sweeping = false;

  constructor(options: {
    transport: Transport;
    clock: Clock;
    timers: Timers;
    observer: Observer;
    random: Random;
    callsPerPeerMax: number;
    watch?: CallWatch;
  }) {
    this.#transport = options.transport;
    this.#clock = options.clock;
    this.#timers = options.timers;
    this.#observer = options.observer;
    this.#callsPerPeerMax = options.callsPerPeerMax;
    this.#watch = options.watch;
    this.#lastCall = options.random.below(CALL_NUMBERS);
  }

  call(
    to: NodeId,
    request: PeerRequest,
    { timeoutMs, lane }: { timeoutMs: number; lane: Lane },
  ): Promise<PeerAnswer> {
    const outstanding = this.#pendingPerPeer.get(to) ?? 0;
    // A peer that leaves all calls unanswered must still be probed.
    const outstandingMax = this.#callsPerPeerMax + (lane === "control" ? CONTROL_CALLS_MAX : 0);
    if (outstanding >= outstandingMax || timeoutMs <= 0) return Promise.resolve(notSent);
    const call = this.#nextCall();
    if (!this.#transport.send(to, encodeRequest(call, timeoutMs, request), lane))
      return Promise.resolve(notSent);
    this.#watch?.sent(to);
    const sentAtMs = this.#clock.monotonicMs();
    this.#pendingPerPeer.set(to, outstanding + 1);
    this.#sweepLater();
    return new Promise((resolve) => {
      this.#pending.set(call, {
        to,
        measured: lane === "foreground" ? measuredKind(request.kind) : undefined,
        sentAtMs,
        deadlineMs: sentAtMs + timeoutMs,
        isLate: false,
        resolve,
      });
    });
  }

  /** A reply arrived. Unknown call numbers are late or duplicate replies: nothing waits for them any more. */
  replied(from: NodeId, call: number, body: Uint8Array): void {
    const nowMs = this.#clock.monotonicMs();
    this.#heardMs.set(from, nowMs);
    const pending = this.#pending.get(call);
    if (pending === undefined || pending.to !== from) return;
    if (pending.measured !== undefined) this.#latencies[pending.measured].observe(nowMs - pending.sentAtMs);
    this.#watch?.answered(from, nowMs - pending.sentAtMs, askedReplica(pending));
    this.#settle(call, pending, { status: "answered", body });
  }

  /** The connection is gone: what was under way may or may not have been done. */
  disconnected(peer: NodeId): void {
    this.#heardMs.delete(peer);
    for (const [call, pending] of this.#pending) if (pending.to === peer) this.#settle(call, pending, lost);
  }

  /** The q-quantile of recent answers to such calls, in milliseconds; undefined before the first. */
  latencyMs(kind: MeasuredKind, q: number): number | undefined {
    return this.#latencies[kind].quantile(q);
  }

  /** Whether the peer has answered anything since: what stays silent is gone or stopped, what answers is busy. */
  hasAnsweredSince(peer: NodeId, sinceMs: number): boolean {
    return (this.#heardMs.get(peer) ?? -Infinity) > sinceMs;
  }

  /** 32 bits that wrap: a number is free again long before it comes round, unless its call is still pending. */
  #nextCall(): number {
    do this.#lastCall = (this.#lastCall + 1) >>> 0;
    while (this.#pending.has(this.#lastCall));
    return this.#lastCall;
  }

  #settle(call: number, pending: PendingCall, answer: PeerAnswer): void {
    this.#pending.delete(call);
    const outstanding = (this.#pendingPerPeer.get(pending.to) ?? 1) - 1;
    if (outstanding === 0) this.#pendingPerPeer.delete(pending.to);
    else this.#pendingPerPeer.set(pending.to, outstanding);
    pending.resolve(answer);
  }

  #noteLate(pending: PendingCall, nowMs: number): void {
    if (pending.isLate || nowMs - pending.sentAtMs <= CALL_LATE_MS) return;
    pending.isLate = true;
    const measured = askedReplica(pending);
    if (measured !== undefined) this.#watch?.late(pending.to, pending.sentAtMs, measured);
  }

  /** One timer for all calls: a timer each would cost more than the call. */
  #sweepLater(): void {
    if (this.#sweeping) return;
    this.#sweeping = true;
    this.#timers.after(SWEEP_INTERVAL_MS, () => {
      this.#sweeping = false;
      const nowMs = this.#clock.monotonicMs();
      for (const [call, pending] of this.#pending) {
        this.#noteLate(pending, nowMs);
        if (pending.deadlineMs > nowMs) continue;
        this.#observer.event({ kind: "peer_call_timed_out", peerId: pending.to });
        this.#settle(call, pending, lost);
      }
      if (this.#pending.size > 0) this.#sweepLater();
    });
  }
}

function askedReplica({ measured }: PendingCall): "replicate" | "read" | undefined {
  return measured === "forward" ? undefined : measured;
}

/** Calls that a request waits for. */
export type MeasuredKind = "replicate" | "read" | "forward";

function measuredKind(kind: PeerRequest["kind"]): MeasuredKind | undefined {
  return kind === "replicate" || kind === "read" || kind === "forward" ? kind : undefined;
}

const SWEEP_INTERVAL_MS = 20;
const CONTROL_CALLS_MAX = 64;
/** A call number has 32 bits on the wire. */
const CALL_NUMBERS = 2 ** 32;

export type PeerAnswer =
  | { readonly status: "answered"; readonly body: Uint8Array }
  /** Nothing left this node: not connected, or the window is full. */
  | { readonly status: "not_sent" }
  /** Sent, and no answer in time or before the connection broke. */
  | { readonly status: "lost" };

const notSent: PeerAnswer = { status: "not_sent" };
const lost: PeerAnswer = { status: "lost" };

interface PendingCall {
  readonly to: NodeId;
  /** Undefined where nobody waits for it: the time that bulk takes says nothing about requests. */
  readonly measured: MeasuredKind | undefined;
  readonly sentAtMs: number;
  readonly deadlineMs: number;
  /** The watch was told so. */
  isLate: boolean;
  readonly resolve: (answer: PeerAnswer) => void;
}
