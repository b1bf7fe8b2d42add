import type { NodeId } from "../node-id.ts";
import { CALL_LATE_MS, type CallWatch } from "../peers/call-watch.ts";
import type { BeliefChange, BeliefReason, PeerHealth } from "./peer-health.ts";

/**
 * Who is believed down, judged by this node alone and from its own traffic (Dynamo §4.8.3). A peer that was asked and
 * from which nothing at all is heard is suspected, is asked by a probe that overtakes all data, and is down if that
 * brings no sign of life either. Anything heard lifts the verdict at once. A peer that is heard but whose disk keeps
 * reads or writes waiting is slow, which is not dead. One that is heard but answers nothing does not hear us; where a
 * silent peer is heard again without having been asked, it has to answer a probe soon, or else each of its own probes
 * would bring it back for a moment.
 *
 * Invariant: silence is counted in ticks of this node's own event loop, never read off a clock. Each tick stands for
 * one turn in which sockets were read, and one that came late counts for nothing: a node that was itself stopped or
 * starved convicts nobody for what it did not read (the idea of Lifeguard, arXiv 1707.00788).
 *
 * Overload does not flap it: probes wait for no disk and no data, so a busy peer must leave its event loop alone for
 * more than half a second to be convicted, and one answer to anybody's request clears it.
 */
export const DETECTOR = {
  tickMs: 200,
  /** A tick later than this is a stall of this node. */
  stallMs: 500,
  /** Silent for so many ticks: a probe each tick. With 200 ms: from 200 to 400 ms on. */
  suspectTicks: 2,
  /** Silent for so many ticks: down. With 200 ms: after 600 to 800 ms. */
  silentTicks: 4,
  /** Heard, but no answer for so many ticks: a probe each second, then down. */
  unansweredProbeTicks: 5,
  deafTicks: 15,
  /** Nothing heard for so long without a reason to write to it: a probe. 2 s, so that a frozen peer is found in 3. */
  idleTicks: 10,
  /**
   * Such probes a tick, on the average, so that they do not grow with the cluster: of more than 100 peers each gets its probe later. Who
   * has a reason to write to a peer finds out as soon as ever.
   */
  idleProbesPerTick: 10,
  /** Probes of a peer that is down but connected: after 1, 2, 4, 8 and then every 10 s. */
  downProbeTicks: [5, 10, 20, 40, 50],
  /** So many late reads, or late writes, without a prompt one in between make a peer slow. */
  lateInARow: 3,
  /** Without another late answer for so long a slow peer is given its place back. */
  slowTicks: 50,
} as const;

/** What a replica is asked in the foreground; each has its own kind of slowness. */
export type MeasuredCall = "replicate" | "read";

interface Peer {
  connected: boolean;
  health: PeerHealth;
  /** Tick of the first call since the peer was last heard, or last answered; NONE where there was none. */
  silentSince: number;
  unansweredSince: number;
  heardTick: number;
  /** Was silent, was heard again, and has not answered anything yet. */
  onTrial: boolean;
  probeTick: number;
  /** Probes since the verdict. */
  probes: number;
  readonly late: Record<MeasuredCall, number>;
  lateTick: number;
}

const NONE = -1;

export interface DetectorParts {
  /** Monotonic. */
  readonly nowMs: () => number;
  /** Called within the fact that changed the belief. */
  readonly onChange: (change: BeliefChange) => void;
}

export class FailureDetector implements CallWatch {
  readonly #parts: DetectorParts;
  readonly #peers = new Map<NodeId, Peer>();
  /** How many of them are. */
  #connected = 0;
  /** Ticks in which this node was running. */
  #tick = 0;
  /** Time of the last tick, or of the start before the first; undefined before the start. */
  #tickedMs: number | undefined;
  #startedMs: number | undefined;
  #stallEndMs = Number.NEGATIVE_INFINITY;

  constructor(parts: DetectorParts) {
    this.#parts = parts;
  }

  connected(id: NodeId): void {
    const peer = this.#peers.get(id) ?? this.#newPeer(id);
    if (!peer.connected) this.#connected += 1;
    peer.connected = true;
    this.#clear(peer);
    this.#believe(id, peer, "up", "heard");
  }

  disconnected(id: NodeId): void {
    const peer = this.#peers.get(id);
    if (peer === undefined) return;
    if (peer.connected) this.#connected -= 1;
    peer.connected = false;
    this.#clear(peer);
    this.#believe(id, peer, "down", "disconnected");
  }

  /** A call that expects an answer was sent. */
  sent(id: NodeId): void {
    const peer = this.#peers.get(id);
    if (peer === undefined) return;
    if (peer.silentSince === NONE) peer.silentSince = this.#tick;
    if (peer.unansweredSince === NONE) peer.unansweredSince = this.#tick;
  }

  /** A message arrived, whatever it says. */
  heard(id: NodeId): void {
    const peer = this.#peers.get(id);
    if (peer === undefined) return;
    peer.silentSince = NONE;
    peer.heardTick = this.#tick;
    if (peer.health.reason !== "silent") return;
    // What it was asked before it fell silent may be lost for good; that does not make it deaf.
    peer.unansweredSince = NONE;
    peer.onTrial = true;
    this.#believe(id, peer, "up", "heard");
  }

  /** A call was answered; `measured` where a replica was asked in the foreground. */
  answered(id: NodeId, waitedMs: number, measured: MeasuredCall | undefined): void {
    const peer = this.#peers.get(id);
    if (peer === undefined) return;
    peer.unansweredSince = NONE;
    peer.onTrial = false;
    if (peer.health.reason === "deaf") this.#believe(id, peer, "up", "heard");
    if (measured === undefined || waitedMs > CALL_LATE_MS) return;
    peer.late[measured] = 0;
    if (peer.health.belief === "slow" && !isSlow(peer)) this.#believe(id, peer, "up", "heard");
  }

  /** A replica that was asked in the foreground at `sentAtMs` has not answered for `CALL_LATE_MS`. Once a call. */
  late(id: NodeId, sentAtMs: number, measured: MeasuredCall): void {
    const peer = this.#peers.get(id);
    // A call that was sent before this node's own stall may have been answered long ago, unread.
    if (peer === undefined || sentAtMs < this.#stallEndMs) return;
    peer.late[measured] += 1;
    peer.lateTick = this.#tick;
    if (peer.health.belief === "up" && isSlow(peer)) this.#believe(id, peer, "slow", "late");
  }

  /** The first tick is due `tickMs` from now: a stall before it is one as well. */
  start(): void {
    this.#startedMs = this.#parts.nowMs();
    this.#tickedMs = this.#startedMs;
  }

  /**
   * Time goes on: to be called every `tickMs`. Returns whom to probe now, and for how long this node itself had been
   * stopped, 0 where it was not.
   */
  tick(): { probe: NodeId[]; stalledMs: number } {
    const nowMs = this.#parts.nowMs();
    const lateMs = nowMs - (this.#tickedMs ?? nowMs) - DETECTOR.tickMs;
    this.#tickedMs = nowMs;
    if (lateMs > DETECTOR.stallMs) {
      this.#stallEndMs = nowMs;
      return { probe: [], stalledMs: lateMs };
    }
    this.#tick += 1;
    const probe: NodeId[] = [];
    const idleTicks = Math.max(DETECTOR.idleTicks, Math.ceil(this.#connected / DETECTOR.idleProbesPerTick));
    for (const [id, peer] of this.#peers) {
      if (!peer.connected) continue;
      this.#judge(id, peer);
      if (!this.#isProbeDue(peer, idleTicks)) continue;
      peer.probeTick = this.#tick;
      peer.probes += 1;
      probe.push(id);
    }
    return { probe, stalledMs: 0 };
  }

  /** How long this node has run without a stall, one that is only just over included; 0 before the start. */
  steadyMs(): number {
    const nowMs = this.#parts.nowMs();
    if (this.#startedMs === undefined || this.#tickedMs === undefined) return 0;
    if (nowMs - this.#tickedMs - DETECTOR.tickMs > DETECTOR.stallMs) return 0;
    return nowMs - Math.max(this.#startedMs, this.#stallEndMs);
  }

  /** "never_connected" for a peer that this process has not met. */
  health(id: NodeId): PeerHealth {
    return this.#peers.get(id)?.health ?? STRANGER;
  }

  isHealthy(id: NodeId): boolean {
    const peer = this.#peers.get(id);
    return peer !== undefined && peer.health.belief !== "down";
  }

  isSlow(id: NodeId): boolean {
    return this.#peers.get(id)?.health.belief === "slow";
  }

  /** Connected peers, as far as this node was told; in the order in which they were met. */
  connectedPeers(): NodeId[] {
    const ids: NodeId[] = [];
    for (const [id, peer] of this.#peers) if (peer.connected) ids.push(id);
    return ids;
  }

  #newPeer(id: NodeId): Peer {
    const peer: Peer = {
      connected: false,
      health: STRANGER,
      silentSince: NONE,
      unansweredSince: NONE,
      heardTick: this.#tick,
      onTrial: false,
      probeTick: this.#tick,
      probes: 0,
      late: { replicate: 0, read: 0 },
      lateTick: NONE,
    };
    this.#peers.set(id, peer);
    return peer;
  }

  #clear(peer: Peer): void {
    peer.silentSince = NONE;
    peer.unansweredSince = NONE;
    peer.heardTick = this.#tick;
    peer.onTrial = false;
    peer.late.replicate = 0;
    peer.late.read = 0;
  }

  #judge(id: NodeId, peer: Peer): void {
    if (peer.health.belief === "down") return;
    if (this.#ticksSince(peer.silentSince) >= DETECTOR.silentTicks) {
      this.#believe(id, peer, "down", "silent");
    } else if (
      this.#ticksSince(peer.unansweredSince) >= (peer.onTrial ? DETECTOR.silentTicks : DETECTOR.deafTicks)
    ) {
      this.#believe(id, peer, "down", "deaf");
    } else if (peer.health.belief === "slow" && this.#ticksSince(peer.lateTick) >= DETECTOR.slowTicks) {
      peer.late.replicate = 0;
      peer.late.read = 0;
      this.#believe(id, peer, "up", "heard");
    }
  }

  #isProbeDue(peer: Peer, idleTicks: number): boolean {
    const sinceProbe = this.#tick - peer.probeTick;
    if (peer.health.belief === "down") {
      const pauses = DETECTOR.downProbeTicks;
      // It can be heard: perhaps it hears us again.
      if (peer.health.reason === "deaf" && peer.heardTick > peer.probeTick) return sinceProbe >= pauses[0];
      return sinceProbe >= pauses[Math.min(peer.probes, pauses.length - 1)]!;
    }
    if (peer.onTrial || this.#ticksSince(peer.silentSince) >= DETECTOR.suspectTicks) return true;
    if (this.#ticksSince(peer.unansweredSince) >= DETECTOR.unansweredProbeTicks)
      return sinceProbe >= DETECTOR.unansweredProbeTicks;
    return this.#tick - peer.heardTick >= idleTicks && sinceProbe >= idleTicks;
  }

  /** 0 where nothing waits. */
  #ticksSince(tick: number): number {
    return tick === NONE ? 0 : this.#tick - tick;
  }

  #believe(id: NodeId, peer: Peer, belief: PeerHealth["belief"], reason: BeliefReason): void {
    const before = peer.health;
    if (before.belief === belief && before.reason === reason) return;
    peer.health = { belief, reason, sinceMs: this.#parts.nowMs() };
    peer.probes = 0;
    if (belief === "down") peer.probeTick = this.#tick;
    // What was late before the verdict says nothing about the peer that is back.
    if (belief === "up") peer.late.replicate = peer.late.read = 0;
    this.#parts.onChange({ peer: id, before, ...peer.health });
  }
}

const STRANGER: PeerHealth = { belief: "down", reason: "never_connected", sinceMs: 0 };

function isSlow({ late }: Peer): boolean {
  return late.replicate >= DETECTOR.lateInARow || late.read >= DETECTOR.lateInARow;
}
