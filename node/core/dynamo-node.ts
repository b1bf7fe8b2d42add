import { AntiEntropy } from "./antientropy/anti-entropy.ts";
import { MalformedBytes } from "./bytes/byte-reader.ts";
import { Coordinator } from "./coordinator/coordinator.ts";
import type {
  DeleteRequest,
  GetRequest,
  PutRequest,
  ReadOutcome,
  WriteOutcome,
} from "./coordinator/requests.ts";
import type { NodeId } from "./node-id.ts";
import { COMPARE, HintLosses } from "./handoff/hint-losses.ts";
import { HintDelivery, type HintDeliveryParts } from "./handoff/hint-delivery.ts";
import { HealthWatch } from "./membership/health-watch.ts";
import type { MemberCondition, OwnDescription } from "./membership/member-entry.ts";
import { Membership } from "./membership/membership.ts";
import { ControlChannel, decodeControl, encodeControl, sentAtMsOf } from "./peers/control-channel.ts";
import { PeerCalls } from "./peers/peer-calls.ts";
import { PeerReplies } from "./peers/peer-replies.ts";
import type { AcknowledgementStore } from "./ports/acknowledgement-store.ts";
import type { Clock } from "./ports/clock.ts";
import type { ControlMessage } from "./ports/control-calls.ts";
import type { Hash } from "./ports/hash.ts";
import type { NodeStore } from "./ports/node-store.ts";
import type { Observer } from "./ports/observer.ts";
import type { PeerDirectory } from "./ports/peer-directory.ts";
import type { Random } from "./ports/random.ts";
import type { StorePoint } from "./ports/replica-store.ts";
import type { RingStore } from "./ports/ring-store.ts";
import type { Timers } from "./ports/timers.ts";
import type { Lane, Transport } from "./ports/transport.ts";
import { RingTransfers } from "./transfer/ring-transfers.ts";
import { Recovery } from "./recovery/recovery.ts";
import { Replica } from "./replica/replica.ts";
import { RecordCache } from "./storage/record-cache.ts";
import { departedOf } from "./ring/change/departed.ts";
import { Seals, type SealsParts } from "./seal/seals.ts";
import { storedWithin } from "./stored-within.ts";
import type { RingNumber } from "./ring/ring-number.ts";
import { isStoreLost } from "./ring/ring-upkeep.ts";
import type { Ring } from "./ring/ring.ts";
import { RingGovernance } from "./ring/ring-governance.ts";
import { RingKeeper } from "./ring/ring-keeper.ts";
import type { NodeSettings } from "./settings.ts";
import { decodeMessage, type PeerRequest } from "./wire/messages.ts";

/** Everything a member needs of the world. */
export interface NodePorts {
  readonly self: NodeId;
  /** Failure domain; empty where there is none. */
  readonly zone: string;
  /** What its configuration lets it say of itself to the others: addresses (host:port) and software version. */
  readonly about: Pick<OwnDescription, "address" | "clientAddress" | "software">;
  /** What it says of its own state while it serves. */
  readonly condition: () => "serving" | "read_only" | "draining";
  readonly settings: NodeSettings;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly hash: Hash;
  readonly observer: Observer;
  readonly transport: Transport;
  readonly directory: PeerDirectory;
  readonly store: NodeStore;
  readonly acknowledgements: AcknowledgementStore;
  readonly ringStore: RingStore;
  /**
   * What this node keeps is given up (ring/change/departed.ts). Ends this process in good order; the next one begins without
   * these copies and hints, and somebody hears where they were put.
   */
  readonly setCopiesAside: () => void;
}

/**
 * One whole member minus its I/O: coordinator, replica, handoff and ring over ports. `node/main.ts` builds it on sockets,
 * threads and disks; the simulator builds the same class on virtual ones.
 */
export class DynamoNode {
  readonly ring: RingKeeper;
  /** Has next epochs of the ring decided. */
  readonly governance: RingGovernance;
  readonly membership: Membership;
  readonly cache: RecordCache;
  readonly antiEntropy: AntiEntropy;
  readonly recovery: Recovery;
  readonly hintLosses: HintLosses;
  readonly transfers: RingTransfers;
  readonly seals: Seals;
  readonly #ports: NodePorts;
  readonly #health: HealthWatch;
  readonly #calls: PeerCalls;
  readonly #coordinator: Coordinator;
  readonly #replica: Replica;
  readonly #replies: PeerReplies;
  readonly #handoff: HintDelivery;
  /** What all who ask replicas need: beliefs about the members, and where what they learn beside an answer goes. */
  readonly #peers = {
    isConnected: (node: NodeId): boolean =>
      this.#ports.transport.isConnected(node) && this.membership.isHealthy(node),
    isHealthy: (node: NodeId): boolean => this.membership.isHealthy(node),
    isSlow: (node: NodeId): boolean => this.membership.isSlow(node),
    isVoter: (node: NodeId): boolean =>
      this.recovery.isVoter(node) && (node !== this.#ports.self || this.ring.mayAcknowledge()),
    probe: (node: NodeId): void => this.membership.probe(node),
    acknowledged: (node: NodeId, at: StorePoint): void => this.recovery.acknowledged(node, at),
    outdated: (node: NodeId, theirs: RingNumber): void => void this.ring.catchUp(node, theirs),
    onCorrupt: (position: Uint8Array): void => this.antiEntropy.corruptRowFound(position),
  };

  constructor(ports: NodePorts) {
    this.#ports = ports;
    const { self, zone, transport, directory, hash, random, observer } = ports;
    this.cache = new RecordCache(ports.store, ports.settings.readCacheBytesMax);
    this.#health = new HealthWatch(ports);
    this.#calls = new PeerCalls({
      ...ports,
      callsPerPeerMax: ports.settings.callsPerPeerMax,
      watch: this.#health.detector,
    });
    this.#replies = new PeerReplies(ports);
    const control = new ControlChannel(this.#calls, ports.clock);
    const beforeFirstRing = (adopted: boolean): Promise<boolean> => this.recovery.beforeFirstRing(adopted);
    const isLost = (id: NodeId, ring: Ring): boolean => isStoreLost(ring, id, this.membership.entry(id));
    const ringParts = { self, zone, directory, hash, random, observer, beforeFirstRing, isStoreLost: isLost };
    this.ring = new RingKeeper({ ...ringParts, store: ports.ringStore, calls: control });
    const controlled = { ...ports, ring: this.ring, calls: control };
    const about = { ...ports.about, zone };
    const condition = (): MemberCondition => this.#condition();
    const keepsCopies = (): boolean => this.#keepsCopies();
    this.membership = new Membership({ ...controlled, about, condition, keepsCopies, health: this.#health });
    const { departedAwayMsMax } = ports.settings;
    this.governance = new RingGovernance({ ...controlled, departedAwayMsMax, membership: this.membership });
    this.recovery = new Recovery({
      ...controlled,
      isConnected: (peer) => transport.isConnected(peer),
      compareSoon: (peer) => this.antiEntropy.compareSoon(peer),
    });
    this.#replica = new Replica({
      ring: this.ring,
      store: this.cache,
      observer,
      // Without a ring: a member that lost it, and that has not heard yet what else it lost.
      isVoter: () => this.ring.kept().state !== "none" && this.#peers.isVoter(self),
      onCorrupt: this.#peers.onCorrupt,
    });
    const connected = { ...ports, ...this.#peers, ring: this.ring, calls: this.#calls };
    this.#coordinator = new Coordinator({ ...connected, store: this.cache });
    const stores = { merkle: ports.store, tombstones: ports.store, store: this.cache };
    const isRecovering = (): boolean => this.recovery.isRecovering;
    this.antiEntropy = new AntiEntropy({ ...connected, ...stores, isRecovering });
    this.#handoff = this.#handoffOver(connected);
    this.transfers = new RingTransfers({
      ...connected,
      ...stores,
      control,
      isFencing: (node) => this.#isFencing(node),
      exchange: (peer, partitions, limits) => this.antiEntropy.exchange(peer, partitions, limits),
      propose: (step) => this.governance.propose(step),
      hasHints: () => ports.store.hintOwners().length > 0,
      setCopiesAside: () => ports.setCopiesAside(),
    });
    const compareSoon = (): void => this.antiEntropy.compareWithAll();
    const isConnected = (peer: NodeId): boolean => transport.isConnected(peer);
    this.hintLosses = new HintLosses({ ...controlled, isConnected, compareSoon });
    this.seals = this.#sealsOver(connected);
  }

  #handoffOver(
    connected: Pick<HintDeliveryParts, "calls" | "isConnected" | "acknowledged" | "outdated"> &
      NodePorts & { ring: RingKeeper },
  ): HintDelivery {
    return new HintDelivery({
      ...connected,
      keepOwn: (incoming) => storedWithin(this.cache.store(incoming), connected.timers),
      onCompleted: (owner) => this.antiEntropy.compareSoon(owner),
      onLost: (place) => this.hintLosses.lost(place),
      onCorruptRow: this.#peers.onCorrupt,
    });
  }

  #sealsOver(connected: Pick<SealsParts, "calls" | "isConnected"> & NodePorts & { ring: RingKeeper }): Seals {
    return new Seals({
      ...connected,
      seal: (rows) => this.cache.seal(rows),
      // An older hints.db may have come back, with what was sealed since.
      isRecovering: () => this.recovery.isRecovering || this.hintLosses.databaseLoss !== undefined,
      steadyMs: () => this.#health.detector.steadyMs(),
      departed: () => departedOf(this.ring.current()),
    });
  }

  /** Loads the ring, listens to peers and hands over what is kept for them. Throws where the stored ring is broken. */
  start(): void {
    this.ring.load();
    this.recovery.start();
    this.hintLosses.start();
    this.#ports.transport.onMessage((from, message, lane) => this.#receive(from, message, lane));
    this.#ports.transport.onPeer((event) => {
      if (event.kind === "disconnected") {
        this.#health.detector.disconnected(event.peer);
        this.#coordinator.disconnected(event.peer);
        this.transfers.disconnected(event.peer);
        return this.#calls.disconnected(event.peer);
      }
      this.#health.detector.connected(event.peer);
      this.recovery.peerConnected(event.peer);
      this.ring.peerConnected(event.peer);
      this.membership.peerConnected(event.peer);
      this.#handoff.peerConnected(event.peer);
      this.antiEntropy.compareSoon(event.peer);
      this.transfers.peerConnected(event.peer);
    });
    this.ring.onInstalled(() => {
      this.antiEntropy.ringChanged();
      this.recovery.ringChanged();
      this.transfers.ringChanged();
    });
    this.antiEntropy.onCompared((peer, partitions) => this.recovery.compared(peer, partitions));
    this.#health.onRecovered((peer) => {
      this.#handoff.peerConnected(peer);
      this.antiEntropy.compareSoon(peer);
      this.transfers.peerConnected(peer);
    });
    this.membership.start();
    this.governance.start();
    this.#handoff.start();
    this.antiEntropy.start();
    this.transfers.ringChanged();
    this.seals.start();
  }

  /** Saves what is not yet on the disk and can be. Serving may go on. Never rejects. */
  stop(): Promise<void> {
    return this.recovery.stop();
  }

  put(request: PutRequest): Promise<WriteOutcome> {
    return this.#coordinator.put(request);
  }

  get(request: GetRequest): Promise<ReadOutcome> {
    return this.#coordinator.get(request);
  }

  delete(request: DeleteRequest): Promise<WriteOutcome> {
    return this.#coordinator.delete(request);
  }

  #condition(): MemberCondition {
    const condition = this.#ports.condition();
    return condition === "serving" && this.recovery.isRecovering ? "recovering" : condition;
  }

  /** Of a node that is no member. Without a ring it has not looked: its data.db is new, or may hold anything. */
  #keepsCopies(): boolean {
    const { store } = this.#ports;
    if (store.hintOwners().length > 0) return true;
    return this.ring.current() === undefined ? !store.opened().isNew : this.transfers.misplaced().keys !== 0;
  }

  /** Whether it refuses what was planned before the change under way began, or flipped. */
  #isFencing(node: NodeId): boolean {
    const ring = this.ring.current();
    if (ring?.format !== 2) return false;
    return this.membership.serves(node, { generation: ring.generation, epoch: ring.acceptsFrom });
  }

  #receive(from: NodeId, bytes: Uint8Array, lane: Lane): void {
    this.#health.detector.heard(from);
    try {
      const message = decodeMessage(bytes);
      if (message.kind === "reply") return this.#calls.replied(from, message.call, message.body);
      const { call, remainingMs, request } = message;
      const untilMs = this.#ports.clock.monotonicMs() + remainingMs;
      void this.#answer(from, request).then(
        (body) => this.#replies.send(from, { call, body, lane, untilMs }),
        this.#refuse(from),
      );
    } catch (error) {
      this.#refuse(from)(error);
    }
  }

  async #answer(from: NodeId, request: PeerRequest): Promise<Uint8Array> {
    switch (request.kind) {
      case "replicate":
        return this.#replica.replicate(from, request.body, request.planned);
      case "read":
        return this.#replica.read(from, request.body, request.planned);
      case "forward":
        return this.#coordinator.acceptForwarded(from, request.body, request.planned);
      case "control":
        return encodeControl(await this.#answerControl(from, decodeControl(request.body)));
      case "anti_entropy":
        return this.antiEntropy.answer(from, request.body);
      case "seal":
        return this.seals.answer(from, request.body);
    }
  }

  async #answerControl(from: NodeId, message: ControlMessage): Promise<ControlMessage> {
    const sentAtMs = sentAtMsOf(message);
    if (sentAtMs !== undefined) this.#coordinator.heard(from, sentAtMs);
    if (message.type.startsWith("recovery.")) return this.recovery.handleControl(message);
    if (message.type === COMPARE) {
      this.antiEntropy.compareWithAll();
      return { type: COMPARE, begun: true };
    }
    if (message.type.startsWith("transfer.")) return this.transfers.handleControl();
    if (message.type.startsWith("gossip.")) return this.membership.handleControl(from, message);
    return this.ring.handleControl(from, message);
  }

  /** Bytes that do not follow the format are the sender's fault and are counted; anything else is ours. */
  #refuse(from: NodeId): (error: unknown) => void {
    return (error) => {
      if (!(error instanceof MalformedBytes)) throw error;
      this.#ports.observer.event({ kind: "peer_message_refused", peerId: from, reason: error.message });
    };
  }
}
