import type { NodeId } from "../node-id.ts";
import type { Clock } from "../ports/clock.ts";
import type { ControlCalls } from "../ports/control-calls.ts";
import type { Observer } from "../ports/observer.ts";
import type { Timers } from "../ports/timers.ts";
import { DETECTOR, FailureDetector } from "./failure-detector.ts";
import { PING } from "./gossip-messages.ts";
import type { Belief, BeliefChange, PeerHealth } from "./peer-health.ts";

/**
 * Keeps the failure detector going: gives it its ticks, sends the probes that it asks for, and tells others what it
 * concludes. One timer for all peers.
 *
 * A probe is a control message that the peer's network thread answers by itself: it overtakes data on the way there
 * and waits for no disk.
 */
export interface HealthWatchParts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly observer: Observer;
}

export class HealthWatch {
  readonly detector: FailureDetector;
  readonly #parts: HealthWatchParts;
  readonly #recoveredHandlers: ((peer: NodeId) => void)[] = [];
  /** Wall time at which the belief about a peer began, for people. */
  readonly #sinceWallMs = new Map<NodeId, number>();

  constructor(parts: HealthWatchParts) {
    this.#parts = parts;
    this.detector = new FailureDetector({
      nowMs: () => parts.clock.monotonicMs(),
      onChange: (change) => this.#changed(change),
    });
  }

  /** From now on until the process ends. */
  start(calls: ControlCalls): void {
    this.detector.start();
    this.#tickLater(calls);
  }

  #tickLater(calls: ControlCalls): void {
    const { timers, observer } = this.#parts;
    timers.after(DETECTOR.tickMs, () => {
      const { probe, stalledMs } = this.detector.tick();
      if (stalledMs > 0) observer.event({ kind: "node_stalled", durationMs: stalledMs });
      for (const peer of probe) this.probe(peer, calls);
      this.#tickLater(calls);
    });
  }

  probe(peer: NodeId, calls: ControlCalls): void {
    void calls.call(peer, PING, PROBE_TIMEOUT_MS);
  }

  /** Called with each peer that was believed down, was connected all the while, and is heard again. */
  onRecovered(handler: (peer: NodeId) => void): void {
    this.#recoveredHandlers.push(handler);
  }

  /** With the wall time at which the belief began; undefined for a peer that this process has not met. */
  describe(peer: NodeId): PeerHealth & { readonly sinceWallMs: number | undefined } {
    return { ...this.detector.health(peer), sinceWallMs: this.#sinceWallMs.get(peer) };
  }

  #changed({ peer, before, belief, reason, sinceMs }: BeliefChange): void {
    const { clock, observer } = this.#parts;
    this.#sinceWallMs.set(peer, clock.wallMs());
    const lastedMs = before.reason === "never_connected" ? 0 : sinceMs - before.sinceMs;
    observer.event({ kind: EVENT[belief], peerId: peer, reason, before: before.reason, lastedMs });
    const isBack = before.belief === "down" && belief !== "down";
    // A connection that is made has its own event.
    if (!isBack || before.reason === "disconnected" || before.reason === "never_connected") return;
    for (const handler of this.#recoveredHandlers) handler(peer);
  }
}

/** A later answer still counts as a sign of life; the caller has only stopped to wait. */
const PROBE_TIMEOUT_MS = 1_000;

const EVENT = { up: "peer_up", slow: "peer_slow", down: "peer_down" } as const satisfies Record<
  Belief,
  string
>;
