import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import type { NodeId } from "../core/node-id.ts";
import type { PeerDescription, PeerDirectory } from "../core/ports/peer-directory.ts";
import type { Lane, PeerEvent, Transport } from "../core/ports/transport.ts";
import { AUTH_HMAC_SHA256, type Hello, type LinkLane } from "../core/wire/hello.ts";
import { clustersDiffer, currentHello } from "../core/wire/hello-exchange.ts";
import type { ClusterSecret } from "./cluster-secret.ts";
import { formatPeerAddress, isWildcard, parsePeerAddress, type PeerAddress } from "./peer-address.ts";
import type { TransportCounters } from "./peer-counters.ts";
import { PeerDialer, type DialOutcome } from "./peer-dialer.ts";
import { PeerDoor } from "./peer-door.ts";
import type { OwnHello } from "./peer-handshake.ts";
import { defaultPeerLimits, type PeerLimits } from "./peer-limits.ts";
import { PeerLink, TICKS_PER_PING } from "./peer-link.ts";
import { PeerLog, type PeerLogger } from "./peer-log.ts";
import { PeerRegistry, type Peer } from "./peer-registry.ts";

/**
 * Peer links over TCP: listens, dials, and carries messages between members.
 * Intuition: messages of one turn of the event loop are gathered and written at its end (setImmediate), so that under
 * load one system call carries many; a lone message leaves in the same turn.
 * Ownership: `send` takes the bytes over, nobody may change them afterwards. Bytes given to the message handler are
 * never reused, but may be a view into a 64 KiB chunk: who keeps them for long, or posts them to a thread, copies.
 */
export interface PeerTransportOptions {
  readonly self: NodeId;
  /** Random per process start, ≤ 64 characters. */
  readonly incarnation: string;
  readonly zone: string;
  readonly version: string;
  /** Port 0 takes a free one. Outgoing connections leave from this host too, unless it is a wildcard. */
  readonly listen: PeerAddress;
  /** host:port told to peers; defaults to where it listens. */
  readonly advertise?: string | undefined;
  /** host:port of the client listener, told to peers for the routing table; empty by default. */
  readonly clientAddress?: string | undefined;
  /** Each host:port; this node's own address may be among them. */
  readonly seeds: readonly string[];
  readonly secret: ClusterSecret;
  /** Empty while the node is in no ring. */
  readonly clusterId: () => string;
  /** Whether the ring served is later than the formed one (core/wire/hello-exchange.ts `currentHello`). */
  readonly isRingLater: () => boolean;
  readonly log: PeerLogger;
  readonly limits?: Partial<PeerLimits>;
}

/** Listens before it resolves. Rejects with the listener's error, or a TypeError that lists every malformed seed. */
export async function startPeerTransport(options: PeerTransportOptions): Promise<PeerTransport> {
  const seeds: PeerAddress[] = [];
  const malformed: string[] = [];
  for (const text of options.seeds) {
    const seed = parsePeerAddress(text);
    if (seed === undefined) malformed.push(JSON.stringify(text));
    else seeds.push(seed);
  }
  if (malformed.length > 0) throw new TypeError(`seeds must be host:port, not ${malformed.join(", ")}`);
  const server = createServer({ noDelay: true });
  server.listen(options.listen.port, options.listen.host);
  await once(server, "listening");
  return new PeerTransport(server, seeds, options);
}

type MessageHandler = (from: NodeId, message: Uint8Array, lane: Lane) => void;

export class PeerTransport implements Transport, PeerDirectory {
  readonly #options: PeerTransportOptions;
  readonly #limits: PeerLimits;
  readonly #log: PeerLog;
  readonly #server: Server;
  readonly #registry: PeerRegistry;
  readonly #dialer: PeerDialer;
  readonly #door: PeerDoor;
  readonly #advertised: string;
  readonly #ticker: NodeJS.Timeout;
  /** What others said of where a peer is; the last word of it. */
  readonly #hearsay = new Map<NodeId, PeerAddress>();
  #onMessage: MessageHandler = () => {};
  #onPeer: (event: PeerEvent) => void = () => {};
  #dirty: PeerLink[] = [];
  #toldClusterId: string;
  #closed = false;

  /** `server` is listening; use startPeerTransport. */
  constructor(server: Server, seeds: readonly PeerAddress[], options: PeerTransportOptions) {
    this.#options = options;
    this.#limits = { ...defaultPeerLimits, ...options.limits };
    this.#log = new PeerLog(options.log);
    this.#server = server;
    this.#toldClusterId = options.clusterId();
    this.#registry = new PeerRegistry(options.self, this.#limits.peersMax, this.#log);
    this.#door = new PeerDoor({
      self: options.self,
      server,
      limits: this.#limits,
      log: this.#log,
      secret: options.secret,
      helloFor: (lane) => this.#helloFor(lane),
      admit: (theirs, socket, dialled) => this.#registry.admit(theirs, socket, dialled),
      release: (theirs, socket) => this.#registry.release(theirs.nodeId, socket),
      takeIn: (socket, theirs, dialled, rest) => this.#takeIn(socket, theirs, dialled, rest),
    });
    this.#advertised = options.advertise ?? formatPeerAddress(this.#door.listening);
    this.#dialer = new PeerDialer(
      {
        limits: this.#limits,
        log: this.#log,
        dial: (address, done) => this.#dialForeground(address, done),
        isConnected: (peer) => this.isConnected(peer),
      },
      seeds,
    );
    this.#ticker = setInterval(() => this.#tick(), this.#limits.pingIntervalMs / TICKS_PER_PING);
  }

  /** Where it listens; the port is known even where 0 was asked for. */
  get listening(): PeerAddress {
    return this.#door.listening;
  }

  send(to: NodeId, message: Uint8Array, lane: Lane): boolean {
    const peer = this.#registry.get(to);
    const link = lane === "bulk" ? peer?.bulk : peer?.foreground;
    if (peer === undefined || link === undefined) {
      if (peer !== undefined) peer.counters.refusedNotConnected++;
      return false;
    }
    if (!link.offer(message, lane)) {
      peer.counters.refusedWindowFull++;
      return false;
    }
    peer.counters.messagesSent++;
    peer.counters.bytesSent += message.length;
    if (!link.dirty) {
      link.dirty = true;
      if (this.#dirty.push(link) === 1) setImmediate(this.#flush);
    }
    return true;
  }

  isConnected(peer: NodeId): boolean {
    return this.#registry.get(peer)?.foreground !== undefined;
  }

  /** Messages that arrive before a handler is set are dropped: set it in the turn in which the transport started. */
  onMessage(handler: MessageHandler): void {
    this.#onMessage = handler;
  }

  onPeer(handler: (event: PeerEvent) => void): void {
    this.#onPeer = handler;
  }

  peers(): readonly PeerDescription[] {
    return this.#registry.descriptions();
  }

  /** Somebody (gossip, an operator) says that `peer` can be reached at `address`. False where that is not host:port. */
  learnAddress(peer: NodeId, address: string): boolean {
    const parsed = parsePeerAddress(address);
    if (parsed === undefined || isWildcard(parsed.host) || peer === this.#options.self) return false;
    this.#dialer.learn(peer, parsed);
    return true;
  }

  /** From gossip. A peer that has moved leaves its former address behind: nobody is dialled there any more for its sake. */
  learn(peer: NodeId, address: string): void {
    const parsed = parsePeerAddress(address);
    if (parsed === undefined || !this.learnAddress(peer, address)) return;
    const before = this.#hearsay.get(peer);
    if (before !== undefined && formatPeerAddress(before) !== formatPeerAddress(parsed))
      this.#dialer.forget(peer, before);
    this.#hearsay.set(peer, parsed);
  }

  counters(): TransportCounters {
    const peers = [...this.#registry.all()].map((peer) => ({
      ...peer.counters,
      id: peer.id,
      connected: peer.foreground !== undefined,
      queuedBytes: (peer.foreground?.queuedBytes ?? 0) + (peer.bulk?.queuedBytes ?? 0),
    }));
    return { handshakesFailed: this.#door.failures, peers };
  }

  /** Tells every peer, closes every connection; resolves when the port is free. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#ticker);
    this.#dialer.close();
    const freed = once(this.#server, "close");
    this.#server.close();
    for (const peer of this.#registry.all()) {
      clearTimeout(peer.bulkTimer);
      peer.bulk?.close("this node is shutting down");
      peer.foreground?.close("this node is shutting down");
    }
    this.#door.close();
    await freed;
  }

  readonly #flush = (): void => {
    const links = this.#dirty;
    this.#dirty = [];
    for (const link of links) {
      link.dirty = false;
      link.flush();
    }
  };

  #tick(): void {
    const clusterId = this.#options.clusterId();
    const joined = clusterId !== this.#toldClusterId;
    this.#toldClusterId = clusterId;
    for (const peer of this.#registry.all()) {
      if (joined && clusterId !== "") peer.foreground?.tellCluster(clusterId);
      peer.bulk?.tick();
      peer.foreground?.tick();
    }
  }

  #helloFor(lane: LinkLane): OwnHello {
    const { self, incarnation, zone, version, clusterId, isRingLater } = this.#options;
    const own = {
      clusterId: clusterId(),
      nodeId: self,
      incarnation,
      zone,
      address: this.#advertised,
      clientAddress: this.#options.clientAddress ?? "",
      version,
      authMethod: AUTH_HMAC_SHA256,
      nonce: randomBytes(32),
      lane,
      messageBytesMax: this.#limits.messageBytesMax,
    };
    return currentHello(own, isRingLater());
  }

  #dialForeground(address: PeerAddress, done: (outcome: DialOutcome) => void): void {
    this.#door.dial(address, "foreground", (outcome) => {
      if (outcome.kind === "connected") this.#dialBulk(outcome.peer, address, 0);
      done(outcome);
    });
  }

  #takeIn(socket: Socket, theirs: Hello, dialled: boolean, rest: Uint8Array): void {
    if (theirs.lane === "bulk") this.#takeBulkIn(socket, theirs, dialled, rest);
    else this.#takeForegroundIn(socket, theirs, dialled, rest);
  }

  #takeForegroundIn(socket: Socket, theirs: Hello, dialled: boolean, rest: Uint8Array): void {
    const { peer, addressBefore } = this.#registry.record(theirs, socket);
    if (addressBefore !== undefined) this.#dialer.forget(peer.id, addressBefore);
    peer.foreground?.close("replaced by a newer connection of yours");
    const link = this.#open(peer, socket, theirs, dialled);
    peer.foreground = link;
    this.#connected(peer, dialled);
    if (rest.length > 0) link.receive(rest);
  }

  #takeBulkIn(socket: Socket, theirs: Hello, dialled: boolean, rest: Uint8Array): void {
    const peer = this.#registry.get(theirs.nodeId);
    // Foreground may have gone since bulk was admitted.
    if (peer?.foreground?.peer.incarnation !== theirs.incarnation) {
      socket.destroy();
      return;
    }
    peer.bulk?.close("replaced by a newer connection of yours");
    const link = this.#open(peer, socket, theirs, dialled);
    peer.bulk = link;
    if (rest.length > 0) link.receive(rest);
  }

  #open(peer: Peer, socket: Socket, theirs: Hello, dialled: boolean): PeerLink {
    const { counters } = peer;
    return new PeerLink({
      socket,
      peer: theirs,
      dialled,
      limits: this.#limits,
      message: (lane, bytes) => {
        counters.messagesReceived++;
        counters.bytesReceived += bytes.length;
        this.#onMessage(peer.id, bytes, lane);
      },
      pong: (roundTripMs) => {
        counters.pingMs = roundTripMs;
      },
      cluster: (from, clusterId) => this.#judgeCluster(peer, from, clusterId),
      closed: (ended, reason) => this.#onLinkClosed(peer, ended, reason),
    });
  }

  #connected(peer: Peer, dialled: boolean): void {
    this.#registry.changed();
    peer.counters.connects++;
    this.learnAddress(peer.id, peer.address);
    const { id, address, hello } = peer;
    this.#log.say(
      "peer_connected",
      { peerId: id, address, zone: hello.zone, version: hello.version, dialled },
      "info",
    );
    this.#onPeer({ kind: "connected", peer: id });
  }

  #onLinkClosed(peer: Peer, link: PeerLink, reason: string): void {
    if (peer.bulk === link) {
      peer.bulk = undefined;
      return;
    }
    if (peer.foreground !== link) return;
    peer.foreground = undefined;
    peer.bulk?.close("its foreground connection closed");
    clearTimeout(peer.bulkTimer);
    peer.counters.disconnects++;
    this.#registry.changed();
    this.#log.say(
      "peer_disconnected",
      { peerId: peer.id, address: peer.address, reason },
      this.#closed ? "debug" : "warn",
    );
    if (this.#closed) return;
    this.#onPeer({ kind: "disconnected", peer: peer.id });
    this.#dialer.wake(peer.id);
  }

  /** Keeps bulk open beside the foreground connection that this node dialled, for as long as that lives. */
  #dialBulk(id: NodeId, address: PeerAddress, failures: number): void {
    const peer = this.#registry.get(id);
    const session = peer?.foreground;
    if (peer === undefined || session?.dialled !== true || this.#closed) return;
    const again = (count: number): void => {
      if (peer.foreground !== session || this.#closed) return;
      const { backoffMsMin, backoffMsMax } = this.#limits;
      const pauseMs =
        Math.min(backoffMsMax, backoffMsMin * 2 ** Math.min(count, 16)) * (0.5 + Math.random() / 2);
      clearTimeout(peer.bulkTimer);
      peer.bulkTimer = setTimeout(() => this.#dialBulk(id, address, count), pauseMs);
    };
    if (peer.bulk !== undefined) {
      again(failures);
      return;
    }
    this.#door.dial(address, "bulk", (outcome) => again(outcome.kind === "connected" ? 4 : failures + 1));
  }

  #judgeCluster(peer: Peer, link: PeerLink, clusterId: string): void {
    const mine = this.#options.clusterId();
    if (!clustersDiffer(mine, clusterId)) return;
    this.#log.say("peer_cluster_differed", { peerId: peer.id, ours: mine, theirs: clusterId }, "error");
    link.close(`other cluster: this node is of ${mine}, you are of ${clusterId}`);
  }
}
