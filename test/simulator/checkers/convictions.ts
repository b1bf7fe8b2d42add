import type { NodeId } from "../../../node/core/node-id.ts";
import type { ViolationKind } from "../violation.ts";
import type { SimulatedHost } from "../world/simulated-host.ts";

/**
 * Failure detection seen from outside: what a process really heard, on a clock that stands still while it is paused. A
 * peer may be convicted of silence only for time in which the process was there to hear it; and one that was silent
 * for long must be convicted, also where nobody wants anything of it.
 */
export class ConvictionChecker {
  readonly #violated: (kind: ViolationKind, detail: string) => void;
  /** By host and peer: running time of the host's process when it last read something of the peer. */
  readonly #heardMs = new Map<string, number>();

  constructor(violated: (kind: ViolationKind, detail: string) => void) {
    this.#violated = violated;
  }

  /** A message of `peer`, or the connection to it, has reached the host's process. */
  heard(host: SimulatedHost, peer: NodeId): void {
    this.#heardMs.set(`${host.id} ${peer}`, host.runningMs);
  }

  convicted(host: SimulatedHost, peer: NodeId): void {
    const silentMs = this.#silentMs(host, peer);
    if (silentMs >= SILENCE_MS_MIN) return;
    const detail = `${host.id.slice(-2)} convicts ${peer.slice(-2)} after running ${silentMs.toFixed(0)} ms in its silence`;
    this.#violated("convicted_too_early", detail);
  }

  /** The host sends something to a peer, if only a probe: a good moment to ask what it believes. */
  sent(host: SimulatedHost, peer: NodeId): void {
    const silentMs = this.#silentMs(host, peer);
    if (silentMs <= SILENCE_MS_MAX || host.node?.membership.isHealthy(peer) !== true) return;
    const detail = `${host.id.slice(-2)} believes ${peer.slice(-2)} up, of which it heard nothing for ${silentMs.toFixed(0)} ms`;
    this.#violated("silent_peer_believed_up", detail);
  }

  #silentMs(host: SimulatedHost, peer: NodeId): number {
    return host.runningMs - (this.#heardMs.get(`${host.id} ${peer}`) ?? host.runningMs);
  }
}

/** 600 ms is the promise. A tick that a short pause has delayed still counts as one of the four that it takes. */
const SILENCE_MS_MIN = 350;
/** 2 s without traffic, then at most 0.8 s of suspicion, each rounded up to a tick. */
const SILENCE_MS_MAX = 3_500;
