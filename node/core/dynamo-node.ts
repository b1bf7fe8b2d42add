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
import { HintDelivery } from "./handoff/hint-delivery.ts";
import { ControlChannel, decodeControl, encodeControl } from "./peers/control-channel.ts";
import { PeerCalls } from "./peers/peer-calls.ts";
import { PeerReplies } from "./peers/peer-replies.ts";
import type { Clock } from "./ports/clock.ts";
import type { Hash } from "./ports/hash.ts";
import type { HintStore } from "./ports/hint-store.ts";
import type { MerkleStore } from "./ports/merkle-store.ts";
import type { Observer } from "./ports/observer.ts";
import type { PeerDirectory } from "./ports/peer-directory.ts";
import type { Random } from "./ports/random.ts";
import type { ReplicaStore } from "./ports/replica-store.ts";
import type { RingStore } from "./ports/ring-store.ts";
import type { Timers } from "./ports/timers.ts";
import type { Lane, Transport } from "./ports/transport.ts";
import { Replica } from "./replica/replica.ts";
import { RecordCache } from "./storage/record-cache.ts";
import { RingKeeper } from "./ring/ring-keeper.ts";
import type { NodeSettings } from "./settings.ts";
import { decodeMessage, type PeerRequest } from "./wire/messages.ts";

/** Everything a member needs of the world. */
export interface NodePorts {
  readonly self: NodeId;
  /** Failure domain; empty where there is none. */
  readonly zone: string;
  readonly settings: NodeSettings;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly hash: Hash;
  readonly observer: Observer;
  readonly transport: Transport;
  readonly directory: PeerDirectory;
  readonly store: ReplicaStore & HintStore & MerkleStore;
  readonly ringStore: RingStore;
}

/**
 * One whole member minus its I/O: coordinator, replica, handoff and ring over ports. `node/main.ts` builds it on sockets,
 * threads and disks; the simulator builds the same class on virtual ones.
 */
export class DynamoNode {
  readonly ring: RingKeeper;
  readonly cache: RecordCache;
  readonly #ports: NodePorts;
  readonly #calls: PeerCalls;
  readonly #coordinator: Coordinator;
  readonly #replica: Replica;
  readonly #replies: PeerReplies;
  readonly #handoff: HintDelivery;

  constructor(ports: NodePorts) {
    this.#ports = ports;
    const { self, zone, transport, directory, hash, observer } = ports;
    this.cache = new RecordCache(ports.store, ports.settings.readCacheBytesMax);
    this.#calls = new PeerCalls({ ...ports, callsPerPeerMax: ports.settings.callsPerPeerMax });
    this.#replies = new PeerReplies(ports);
    const control = new ControlChannel(this.#calls);
    this.ring = new RingKeeper({
      self,
      zone,
      store: ports.ringStore,
      calls: control,
      directory,
      hash,
      observer,
    });
    this.#replica = new Replica({ store: this.cache, observer });
    this.#coordinator = new Coordinator({
      ...ports,
      store: this.cache,
      ring: this.ring,
      calls: this.#calls,
      isHealthy: (node) => node === self || transport.isConnected(node),
    });
    this.#handoff = new HintDelivery({
      ...ports,
      ring: this.ring,
      calls: this.#calls,
      isConnected: (peer) => transport.isConnected(peer),
    });
  }

  /** Loads the ring, listens to peers and hands over what is kept for them. Throws where the stored ring is broken. */
  start(): void {
    this.ring.load();
    this.#ports.transport.onMessage((from, message, lane) => this.#receive(from, message, lane));
    this.#ports.transport.onPeer((event) => {
      if (event.kind === "disconnected") return this.#calls.disconnected(event.peer);
      this.ring.peerConnected(event.peer);
      this.#handoff.peerConnected(event.peer);
    });
    this.#handoff.start();
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

  #receive(from: NodeId, bytes: Uint8Array, lane: Lane): void {
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
        return this.#replica.replicate(from, request.body);
      case "read":
        return this.#replica.read(request.body);
      case "forward":
        return this.#coordinator.acceptForwarded(request.body);
      case "control":
        return encodeControl(await this.ring.handleControl(from, decodeControl(request.body)));
    }
  }

  /** Bytes that do not follow the format are the sender's fault and are counted; anything else is ours. */
  #refuse(from: NodeId): (error: unknown) => void {
    return (error) => {
      if (!(error instanceof MalformedBytes)) throw error;
      this.#ports.observer.event({ kind: "peer_message_refused", peerId: from, reason: error.message });
    };
  }
}
