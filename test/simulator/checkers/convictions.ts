import type { NodeId } from "../../../node/core/node-id.ts";
import type { ViolationKind } from "../violation.ts";
import type { SimulatedHost } from "../world/simulated-host.ts";

/**
 * Failure detection seen from outside: what a process really heard, on a clock that stands still while it is paused. A
 * peer may be convicted of silence only for time in which the process was there to hear it; and one that is asked and
 * silent must be convicted soon, one of which nobody wants anything a little later.
 */
export class ConvictionChecker {
  readonly #violated: (kind: ViolationKind, detail: string) => void;
  /** By host and peer: running time of the host's process when it last read something of the peer. */
  readonly #heardMs = new Map<string, number>();
  /** How often the host had been paused by then. */
  readonly #pausesWhenHeard = new Map<string, number>();

  /** Running time when it first asked the peer something after that. */
  readonly #askedMs = new Map<string, number>();

  constructor(violated: (kind: ViolationKind, detail: string) => void) {
    this.#violated = violated;
  }

  /** A message of `peer`, or the connection to it, has reached the host's process. */
  heard(host: SimulatedHost, peer: NodeId): void {
    this.#heardMs.set(`${host.id} ${peer}`, host.runningMs);
    this.#pausesWhenHeard.set(`${host.id} ${peer}`, host.pauses);
    this.#askedMs.delete(`${host.id} ${peer}`);
  }

  convicted(host: SimulatedHost, peer: NodeId): void {
    const silentMs = this.#silentMs(host, peer);
    const pauses = host.pauses - (this.#pausesWhenHeard.get(`${host.id} ${peer}`) ?? 0);
    if (silentMs >= SILENCE_MS_MIN - TICK_MS * Math.max(0, pauses - 1)) return;
    const detail = `${host.id.slice(-2)} convicts ${peer.slice(-2)} after running ${silentMs.toFixed(0)} ms in its silence`;
    this.#violated("convicted_too_early", detail);
  }

  /** The host asks a peer something, if only for a sign of life: a good moment to see what it believes. */
  asks(host: SimulatedHost, peer: NodeId): void {
    const name = `${host.id} ${peer}`;
    const askedMs = this.#askedMs.get(name) ?? host.runningMs;
    this.#askedMs.set(name, askedMs);
    const silentMs = this.#silentMs(host, peer);
    const unansweredMs = host.runningMs - askedMs;
    if (silentMs <= SILENCE_MS_MAX && unansweredMs <= UNANSWERED_MS_MAX) return;
    if (host.node?.membership.isHealthy(peer) !== true) return;
    const detail =
      `${host.id.slice(-2)} believes ${peer.slice(-2)} up, of which it heard nothing for ` +
      `${silentMs.toFixed(0)} ms, ${unansweredMs.toFixed(0)} ms of them after asking`;
    this.#violated("silent_peer_believed_up", detail);
  }

  #silentMs(host: SimulatedHost, peer: NodeId): number {
    return host.runningMs - (this.#heardMs.get(`${host.id} ${peer}`) ?? host.runningMs);
  }
}

/** 600 ms is the promise. A tick that a short pause has delayed still counts as one of the four that it takes. */
const SILENCE_MS_MIN = 350;
/** What each further pause takes of it. */
const TICK_MS = 200;
/** 2 s without traffic, then at most 0.8 s of suspicion, each rounded up to a tick. */
const SILENCE_MS_MAX = 3_500;
/** Those 0.8 s, and as much again for stalls, whose ticks count for nothing. */
const UNANSWERED_MS_MAX = 1_600;
