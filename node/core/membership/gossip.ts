import { MalformedBytes } from "../bytes/byte-reader.ts";
import type { NodeId } from "../node-id.ts";
import type { ControlCalls, ControlMessage } from "../ports/control-calls.ts";
import type { Observer } from "../ports/observer.ts";
import type { PeerDirectory } from "../ports/peer-directory.ts";
import type { Random } from "../ports/random.ts";
import type { Timers } from "../ports/timers.ts";
import type { RingState } from "../ring/ring-state.ts";
import type { NodeSettings } from "../settings.ts";
import type { FailureDetector } from "./failure-detector.ts";
import {
  deltaMessage,
  digestMessage,
  DONE,
  parseDelta,
  parseDigest,
  parseEntries,
  PONG,
  pushMessage,
  refusedMessage,
  ringsDiffer,
  type RingSummary,
} from "./gossip-messages.ts";
import type { MemberEntry, OwnDescription } from "./member-entry.ts";
import type { MemberTable } from "./member-table.ts";

/**
 * Carries the member table from node to node (Dynamo §4.8.2): once a second with one random live peer, now and then
 * with one that is believed down, and with each that connects. Both sides end with the later entry of every node, so a
 * change is everywhere after about log2(n) rounds, and no node is special: any two that have ever been heard of through
 * a third dial each other.
 *
 * Rings travel apart from it, by the ring keeper: gossip only notices that a peer serves another one and has the two
 * compared.
 */
export interface GossipParts {
  readonly self: NodeId;
  readonly table: MemberTable;
  readonly detector: FailureDetector;
  readonly ring: RingState & { peerConnected(id: NodeId): void };
  readonly calls: ControlCalls;
  readonly directory: PeerDirectory;
  readonly settings: Pick<NodeSettings, "gossipIntervalMs">;
  readonly timers: Timers;
  readonly random: Random;
  readonly observer: Observer;
  /** What this node says of itself now; asked before each message that says it. */
  readonly describeSelf: () => OwnDescription;
}

/** Part of the interval by which a round comes earlier or later, so that nodes do not gossip in step. */
const JITTER = 0.2;
/** Every so many rounds one goes to a peer that is believed down. */
const ROUNDS_PER_DOWN_PEER = 10;
const ANSWER_TIMEOUT_MS = 1_000;

export class Gossip {
  readonly #parts: GossipParts;
  #rounds = 0;

  constructor(parts: GossipParts) {
    this.#parts = parts;
  }

  /** From now on until the process ends. */
  start(): void {
    const { timers, random, settings } = this.#parts;
    const spreadMs = Math.max(1, Math.round(settings.gossipIntervalMs * JITTER * 2));
    const delayMs = settings.gossipIntervalMs * (1 - JITTER) + random.below(spreadMs);
    timers.after(delayMs, () => {
      this.#round();
      this.start();
    });
  }

  /** Of two that have just connected one begins: the exchange goes both ways. */
  peerConnected(id: NodeId): void {
    if (this.#parts.self < id) void this.#exchange(id);
  }

  /** Answers a message whose type starts with "gossip."; a malformed or foreign one is refused and reported. */
  handleControl(from: NodeId, message: ControlMessage): ControlMessage {
    try {
      switch (message.type) {
        case "gossip.ping":
          return PONG;
        case "gossip.digest":
          return this.#answerDigest(from, message);
        case "gossip.push":
          this.#takeOver(parseEntries(message));
          return DONE;
        default:
          throw new MalformedBytes(`unknown message ${message.type.slice(0, 64)}`);
      }
    } catch (error) {
      if (!(error instanceof MalformedBytes)) throw error;
      return this.#refuse(from, error.message);
    }
  }

  #round(): void {
    const { detector } = this.#parts;
    const connected = detector.connectedPeers();
    const live = connected.filter((peer) => detector.isHealthy(peer));
    this.#exchangeWithOneOf(live);
    this.#rounds += 1;
    if (this.#rounds % ROUNDS_PER_DOWN_PEER !== 0) return;
    this.#exchangeWithOneOf(connected.filter((peer) => !detector.isHealthy(peer)));
  }

  #exchangeWithOneOf(peers: readonly NodeId[]): void {
    if (peers.length === 0) return;
    void this.#exchange(peers[this.#parts.random.below(peers.length)]!);
  }

  async #exchange(peer: NodeId): Promise<void> {
    const { table, calls, observer } = this.#parts;
    table.describeSelf(this.#parts.describeSelf());
    const question = digestMessage({ ring: this.#ringSummary(), stamps: table.stamps() });
    const answer = await calls.call(peer, question, ANSWER_TIMEOUT_MS);
    if (answer === undefined) return observer.event({ kind: "gossip_finished", outcome: "unanswered" });
    if (answer.type === "gossip.refused")
      return observer.event({ kind: "gossip_finished", outcome: "refused" });
    try {
      const delta = parseDelta(answer);
      const difference = ringsDiffer(this.#ringSummary(), delta.ring);
      if (difference !== undefined) throw new MalformedBytes(difference);
      this.#compareRings(peer, delta.ring);
      this.#takeOver(delta.entries);
      const wanted = delta.wanted.flatMap((id) => table.get(id) ?? []);
      if (wanted.length > 0) await calls.call(peer, pushMessage(wanted), ANSWER_TIMEOUT_MS);
      observer.event({ kind: "gossip_finished", outcome: "exchanged" });
    } catch (error) {
      if (!(error instanceof MalformedBytes)) throw error;
      this.#refuse(peer, error.message);
      observer.event({ kind: "gossip_finished", outcome: "refused" });
    }
  }

  #answerDigest(from: NodeId, message: ControlMessage): ControlMessage {
    const { table } = this.#parts;
    const { ring: theirs, stamps } = parseDigest(message);
    const ours = this.#ringSummary();
    const difference = ringsDiffer(ours, theirs);
    if (difference !== undefined) return this.#refuse(from, difference);
    this.#compareRings(from, theirs);
    table.describeSelf(this.#parts.describeSelf());
    const { news, wanted } = table.compare(stamps);
    return deltaMessage({ ring: ours, entries: news, wanted });
  }

  /** The ring keeper finds out who is behind, or that there are two rings of one number. */
  #compareRings(peer: NodeId, theirs: RingSummary | undefined): void {
    if (theirs !== undefined && theirs.digest !== this.#parts.ring.hash())
      this.#parts.ring.peerConnected(peer);
  }

  #takeOver(entries: readonly MemberEntry[]): void {
    const { table, directory } = this.#parts;
    for (const { id, address } of table.merge(entries)) if (address !== "") directory.learn(id, address);
  }

  #ringSummary(): RingSummary | undefined {
    const ring = this.#parts.ring.current();
    if (ring === undefined) return undefined;
    const { clusterId, generation, epoch, parameters } = ring;
    return { clusterId, generation, epoch, parameters, digest: this.#parts.ring.hash() };
  }

  #refuse(peerId: NodeId, reason: string): ControlMessage {
    this.#parts.observer.event({ kind: "peer_message_refused", peerId, reason });
    return refusedMessage(reason);
  }
}
