import type { Socket } from "node:net";
import type { NodeId } from "../core/node-id.ts";
import type { PeerDescription } from "../core/ports/peer-directory.ts";
import type { Hello } from "../core/wire/hello.ts";
import type { Refusal } from "../core/wire/hello-exchange.ts";
import { formatPeerAddress, isWildcard, parsePeerAddress, type PeerAddress } from "./peer-address.ts";
import { newPeerCounters, type PeerCounters } from "./peer-counters.ts";
import type { PeerLink } from "./peer-link.ts";
import type { PeerLog } from "./peer-log.ts";

/**
 * Who is connected, and who may be.
 * Intuition: two nodes may dial one another at once. Of each pair the node with the lower id arbitrates: the first
 * foreground connection that it gives a place stays, it refuses the others; the higher one accepts what the lower one
 * settles on, because that has already let go of any older connection. Whoever dialled foreground also dials bulk.
 * Invariant: at most one foreground and one bulk connection a peer, both with the same incarnation of it: while a
 * process with some identity is alive, a second one with that identity is refused.
 */
export interface Peer {
  readonly id: NodeId;
  hello: Hello;
  address: string;
  foreground: PeerLink | undefined;
  bulk: PeerLink | undefined;
  bulkTimer: NodeJS.Timeout | undefined;
  readonly counters: PeerCounters;
}

export class PeerRegistry {
  readonly #self: NodeId;
  readonly #log: PeerLog;
  readonly #peersMax: number;
  readonly #peers = new Map<NodeId, Peer>();
  /** Places promised to connections that this node dialled and whose peer has not accepted yet. */
  readonly #reserved = new Map<NodeId, Socket>();
  #descriptions: readonly PeerDescription[] | undefined;

  constructor(self: NodeId, peersMax: number, log: PeerLog) {
    this.#self = self;
    this.#peersMax = peersMax;
    this.#log = log;
  }

  get(id: NodeId): Peer | undefined {
    return this.#peers.get(id);
  }

  all(): Iterable<Peer> {
    return this.#peers.values();
  }

  /** Whether a proven peer gets the place it asks for; books the place where this node dialled. */
  admit(theirs: Hello, socket: Socket, dialled: boolean): Refusal | undefined {
    const peer = this.#peers.get(theirs.nodeId);
    const live = peer?.foreground;
    if (live !== undefined && live.peer.incarnation !== theirs.incarnation)
      return this.#refuseDuplicate(live, theirs, socket);
    if (theirs.lane === "bulk") {
      const partner = live !== undefined && live.dialled === dialled;
      return partner
        ? undefined
        : { code: "no_session", reason: "no foreground connection of yours to go with it" };
    }
    if (peer === undefined && this.#peers.size >= this.#peersMax) {
      return { code: "busy", reason: `this node knows ${this.#peersMax} peers already` };
    }
    if (this.#self > theirs.nodeId) return undefined;
    if (live !== undefined || this.#reserved.has(theirs.nodeId)) {
      // The peer may have lost a connection that still looks open from here.
      live?.challenge(() => {});
      return { code: "already_connected", reason: "you are connected to this node already" };
    }
    if (dialled) this.#reserved.set(theirs.nodeId, socket);
    return undefined;
  }

  /** The handshake over `socket` is over, well or badly. */
  release(id: NodeId, socket: Socket): void {
    if (this.#reserved.get(id) === socket) this.#reserved.delete(id);
  }

  /** Notes what a connected peer says of itself; returns it, and the address it gave before where that has changed. */
  record(theirs: Hello, socket: Socket): { peer: Peer; addressBefore: PeerAddress | undefined } {
    this.changed();
    const address = reachableAddress(theirs.address, socket);
    const known = this.#peers.get(theirs.nodeId);
    if (known !== undefined) {
      const addressBefore = known.address === address ? undefined : parsePeerAddress(known.address);
      known.hello = theirs;
      known.address = address;
      return { peer: known, addressBefore };
    }
    const peer: Peer = {
      id: theirs.nodeId,
      hello: theirs,
      address,
      foreground: undefined,
      bulk: undefined,
      bulkTimer: undefined,
      counters: newPeerCounters(),
    };
    this.#peers.set(peer.id, peer);
    return { peer, addressBefore: undefined };
  }

  changed(): void {
    this.#descriptions = undefined;
  }

  descriptions(): readonly PeerDescription[] {
    this.#descriptions ??= [...this.#peers.values()].map(describe).sort((a, b) => (a.id < b.id ? -1 : 1));
    return this.#descriptions;
  }

  #refuseDuplicate(live: PeerLink, theirs: Hello, socket: Socket): Refusal {
    const remote = `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? 0}`;
    const liveRemote = live.remote;
    // Often the older process has just died without a word; only if it answers are there two.
    live.challenge(() => {
      this.#log.sayRarely(
        "peer_identity_duplicated",
        theirs.nodeId,
        {
          peerId: theirs.nodeId,
          older: { remote: liveRemote, address: live.peer.address, incarnation: live.peer.incarnation },
          refused: { remote, address: theirs.address, incarnation: theirs.incarnation },
          advice:
            "two processes run on copies of one data directory: stop one and give it an empty directory",
        },
        "error",
      );
    });
    return {
      code: "duplicate_identity",
      reason: `another process, ${liveRemote}, is node ${theirs.nodeId}; if it has just died, try again`,
    };
  }
}

function describe(peer: Peer): PeerDescription {
  const { clientAddress, zone, version } = peer.hello;
  const connected = peer.foreground !== undefined;
  return { id: peer.id, address: peer.address, clientAddress, zone, version, connected };
}

/** A peer that advertises "every interface" means the one its packets come from. */
function reachableAddress(advertised: string, socket: Socket): string {
  const address = parsePeerAddress(advertised);
  if (address === undefined || !isWildcard(address.host) || socket.remoteAddress === undefined)
    return advertised;
  return formatPeerAddress({ host: socket.remoteAddress, port: address.port });
}
