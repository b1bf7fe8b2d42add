import type { NodeId } from "../../../node/core/node-id.ts";
import type { PeerDescription, PeerDirectory } from "../../../node/core/ports/peer-directory.ts";
import type { Lane, PeerEvent, Transport } from "../../../node/core/ports/transport.ts";
import { KIND, kindOf } from "../../../node/core/wire/messages.ts";
import { Connection, type Side } from "./connection.ts";
import type { EventLoop } from "./event-loop.ts";
import type { Incarnation } from "./incarnation.ts";
import type { SeededRandom } from "./seeded-random.ts";

/** How this seed's network behaves; drawn once. */
export interface NetworkWeather {
  /**
   * "connections": as TCP, a message is lost only with its connection and lanes keep their order. "datagrams": any
   * message may be lost or overtaken, and all but forwarded requests doubled; the core must be safe there too.
   */
  readonly kind: "connections" | "datagrams";
  readonly latencyMsMin: number;
  readonly latencyMsMax: number;
  /** Probability of a message that takes up to `latencyMsMax`; the others take near the minimum. */
  readonly jitter: number;
  readonly lossRate: number;
  readonly duplicateRate: number;
  /** Bytes under way in one direction of one lane; more and `send` says false. */
  readonly windowBytes: number;
}

export interface NetworkHooks {
  sent(from: NodeId, to: NodeId, message: Uint8Array): void;
  /** A connection was lost or a message dropped: answers may now be poorer than in calm weather. */
  disturbed(what: string, nodes: readonly NodeId[]): void;
  connected(from: NodeId, to: NodeId): void;
  /** The process of `to` reads a message of `from`. */
  received(from: NodeId, to: NodeId): void;
}

/** The wires between the nodes: connections, their delays, and the netsplits that a scenario makes. */
export class SimulatedNetwork {
  readonly #loop: EventLoop;
  readonly #random: SeededRandom;
  readonly #weather: NetworkWeather;
  readonly #hooks: NetworkHooks;
  readonly #endpoints = new Map<NodeId, Endpoint>();
  readonly #connections = new Map<string, Connection>();
  readonly #dialling = new Set<string>();
  /** Directed pairs that nothing passes. */
  readonly #blocked = new Set<string>();
  /** Directed pairs whose messages wait until that time. */
  readonly #clogged = new Map<string, number>();
  readonly #links = new Map<string, Link>();
  #dials = 0;
  #latestArrivalMs = 0;
  #stormy = false;

  constructor(loop: EventLoop, random: SeededRandom, weather: NetworkWeather, hooks: NetworkHooks) {
    this.#loop = loop;
    this.#random = random.fork("network");
    this.#weather = weather;
    this.#hooks = hooks;
  }

  /** A process comes up and dials everybody who is there. */
  attach(incarnation: Incarnation, about: AboutNode): Transport & PeerDirectory {
    const endpoint = new Endpoint(this, incarnation, about);
    for (const other of this.#endpoints.values()) {
      if (other.incarnation.nodeId === incarnation.nodeId) continue;
      const old = this.#connections.get(pairName(other.incarnation.nodeId, incarnation.nodeId));
      if (old !== undefined) this.#break(old, { soon: true });
      this.#dialLater(other.incarnation.nodeId, incarnation.nodeId);
    }
    this.#endpoints.set(incarnation.nodeId, endpoint);
    return endpoint;
  }

  /** A process is gone: its peers hear of it at once (a reset) or by and by (nobody is left to send one). */
  detach(incarnation: Incarnation, { silently }: { silently: boolean }): void {
    for (const connection of this.#connections.values()) {
      if (connection.sides.get(incarnation.nodeId)?.incarnation === incarnation)
        this.#break(connection, { soon: !silently });
    }
  }

  /** Until now nothing was lost: a ring must be formed before it can be tested. */
  beginWeather(): void {
    this.#stormy = true;
  }

  /** From now on nothing is lost or doubled again; what is under way keeps its luck. */
  endWeather(): void {
    this.#stormy = false;
  }

  get isStormy(): boolean {
    return this.#stormy;
  }

  block(from: NodeId, to: NodeId): void {
    this.#blocked.add(linkName(from, to));
    this.#hooks.disturbed("link split", [from, to]);
    const connection = this.#connections.get(pairName(from, to));
    if (connection === undefined) return;
    const patienceMs = this.#random.fork("patience", ++this.#dials).between(500, 6_000);
    this.#loop.after(patienceMs, () => {
      if (this.#isSplit(from, to)) this.#break(connection, { soon: false });
    });
  }

  heal(): void {
    for (const link of this.#blocked) this.#hooks.disturbed("link healed", link.split(" ") as NodeId[]);
    this.#blocked.clear();
    this.#clogged.clear();
    for (const connection of this.#connections.values()) this.#releaseHeld(connection);
  }

  /** Messages from `from` to `to` arrive no earlier than `untilMs`. */
  clog(from: NodeId, to: NodeId, untilMs: number): void {
    this.#clogged.set(linkName(from, to), untilMs);
  }

  send(from: Incarnation, to: NodeId, message: Uint8Array, lane: Lane): boolean {
    const connection = this.#connections.get(pairName(from.nodeId, to));
    if (connection === undefined || !usable(connection, from)) return false;
    const flow = connection.flow(to, lane);
    while (flow.leaving.length > 0 && flow.leaving[0]!.atMs <= this.#loop.nowMs)
      flow.bytes -= flow.leaving.shift()!.bytes;
    if (flow.bytes + message.length > this.#weather.windowBytes && flow.bytes > 0) {
      this.#hooks.disturbed("window full", [from.nodeId, to]);
      return false;
    }
    flow.bytes += message.length;
    const copy = message.slice();
    this.#hooks.sent(from.nodeId, to, copy);
    const luck = this.#luckOfNext(linkName(from.nodeId, to));
    if (this.#weather.kind === "datagrams" && this.#stormy)
      this.#sendDatagram(connection, { from: from.nodeId, to, lane, copy, luck });
    else this.#sendInOrder(connection, { from: from.nodeId, to, lane, copy, luck });
    return true;
  }

  /** The n-th message of a link has the same luck whatever happened on the others. */
  #luckOfNext(name: string): SeededRandom {
    let link = this.#links.get(name);
    if (link === undefined) this.#links.set(name, (link = { random: this.#random.fork(name), sent: 0 }));
    return link.random.fork(++link.sent);
  }

  isConnected(from: Incarnation, to: NodeId): boolean {
    const connection = this.#connections.get(pairName(from.nodeId, to));
    return connection !== undefined && usable(connection, from);
  }

  /** Whether every other process that is up can talk to this one, and believes so. */
  isReachable(node: NodeId): boolean {
    const self = this.#endpoints.get(node);
    if (self?.incarnation.alive !== true) return false;
    return [...this.#endpoints.values()].every(({ incarnation }) => {
      const other = incarnation.nodeId;
      if (other === node || !incarnation.alive) return true;
      if (this.#isSplit(node, other) || this.#isSplit(other, node)) return false;
      return this.isConnected(self.incarnation, other) && this.isConnected(incarnation, node);
    });
  }

  /** Whether a connection is lost that one of its ends, or both, still take for open. */
  get hasUnnoticedLoss(): boolean {
    return [...this.#connections.values()].some(({ broken, over }) => broken && !over);
  }

  /** When the last of the messages arrives that are under way now. */
  get latestArrivalMs(): number {
    return this.#latestArrivalMs;
  }

  describe(node: NodeId): AboutNode {
    return this.#endpoints.get(node)!.about;
  }

  #sendInOrder(connection: Connection, { from, to, lane, copy, luck }: Letter): void {
    const flow = connection.flow(to, lane);
    flow.lastArrivalMs = Math.max(flow.lastArrivalMs + 1e-6, this.#arrival(from, to, luck));
    this.#loop.at(flow.lastArrivalMs, () => {
      flow.bytes -= copy.length;
      if (this.#isSplit(from, to) || flow.held.length > 0) flow.held.push(copy);
      else this.#deliver(connection, { from, to, lane, copy });
    });
  }

  #sendDatagram(connection: Connection, { from, to, lane, copy, luck }: Letter): void {
    // Nothing that is meant to be done once is ever sent twice, and a stream doubles nothing: a forwarded request is
    // done as often as it comes, while a record that is stored twice is stored.
    const isRepeatable = kindOf(copy) !== KIND.forward;
    const isDoubled = luck.chance(this.#weather.duplicateRate) && isRepeatable;
    const copies = luck.chance(this.#weather.lossRate) ? 0 : isDoubled ? 2 : 1;
    if (copies !== 1) this.#hooks.disturbed("message lost or doubled", [from, to]);
    const flow = connection.flow(to, lane);
    flow.leaving.push({ atMs: this.#loop.nowMs + this.#weather.latencyMsMin, bytes: copy.length });
    for (let i = 0; i < copies; i++) {
      this.#loop.at(this.#arrival(from, to, luck), () => {
        if (!this.#isSplit(from, to)) this.#deliver(connection, { from, to, lane, copy: copy.slice() });
      });
    }
  }

  #arrival(from: NodeId, to: NodeId, luck: SeededRandom): number {
    const { latencyMsMin, latencyMsMax, jitter } = this.#weather;
    const spread = luck.chance(jitter) ? luck.between(0, latencyMsMax) : luck.between(0, latencyMsMin);
    const cloggedUntilMs = this.#clogged.get(linkName(from, to)) ?? 0;
    const arrivalMs = Math.max(this.#loop.nowMs, cloggedUntilMs) + latencyMsMin + spread;
    this.#latestArrivalMs = Math.max(this.#latestArrivalMs, arrivalMs);
    return arrivalMs;
  }

  #deliver(connection: Connection, { from, to, lane, copy }: Omit<Letter, "luck">): void {
    const side = connection.side(to);
    if (!side.open || !side.incarnation.alive) return;
    const receive = (): void => {
      if (!side.open) return;
      this.#hooks.received(from, to);
      this.#endpoints.get(to)!.receive(from, copy, lane);
    };
    if (side.incarnation.pausedUntilMs > this.#loop.nowMs) this.#loop.after(0, receive, side.incarnation);
    else receive();
  }

  #releaseHeld(connection: Connection): void {
    for (const [to, side] of connection.sides) {
      const from = [...connection.sides.keys()].find((node) => node !== to)!;
      for (const lane of LANES) {
        const flow = connection.flow(to, lane);
        const held = flow.held.splice(0);
        if (connection.broken || !side.open) continue;
        flow.lastArrivalMs = Math.max(flow.lastArrivalMs, this.#loop.nowMs + 50);
        for (const copy of held) {
          flow.lastArrivalMs += 1e-6;
          this.#loop.at(flow.lastArrivalMs, () => this.#deliver(connection, { from, to, lane, copy }));
        }
      }
    }
  }

  #isSplit(from: NodeId, to: NodeId): boolean {
    return this.#blocked.has(linkName(from, to));
  }

  #break(connection: Connection, { soon }: { soon: boolean }): void {
    connection.broken = true;
    this.#hooks.disturbed("connection lost", [...connection.sides.keys()]);
    for (const [node, side] of connection.sides) {
      if (side.closing) continue;
      side.closing = true;
      const peer = [...connection.sides.keys()].find((other) => other !== node)!;
      const luck = this.#random.fork("break", node, peer, ++this.#dials);
      const delayMs = soon ? luck.skewed(0.05, 30) : luck.between(20, 3_000);
      this.#loop.after(delayMs, () => this.#close(side, peer));
    }
  }

  #close(side: Side, peer: NodeId): void {
    const tell = (): void => {
      const wasOpen = side.open;
      side.open = false;
      if (wasOpen) this.#endpoints.get(side.incarnation.nodeId)!.peer({ kind: "disconnected", peer });
    };
    if (side.incarnation.alive) this.#loop.after(0, tell, side.incarnation);
    else side.open = false;
    this.#dialLater(side.incarnation.nodeId, peer);
  }

  #dialLater(left: NodeId, right: NodeId): void {
    const pair = pairName(left, right);
    if (this.#dialling.has(pair)) return;
    this.#dialling.add(pair);
    const delayMs = this.#random.fork("dial", ++this.#dials).skewed(1, 300);
    this.#loop.after(delayMs, () => {
      this.#dialling.delete(pair);
      this.#dial(left, right);
    });
  }

  #dial(left: NodeId, right: NodeId): void {
    const ends = [left, right].map((node) => this.#endpoints.get(node)!.incarnation);
    // A dead end dials when it comes up again.
    if (ends.some((end) => !end.alive)) return;
    const old = this.#connections.get(pairName(left, right));
    if (old !== undefined && !old.broken) return;
    const busy = ends.some((end) => end.pausedUntilMs > this.#loop.nowMs);
    if (
      (old !== undefined && !old.over) ||
      busy ||
      this.#isSplit(left, right) ||
      this.#isSplit(right, left)
    ) {
      return this.#dialLater(left, right);
    }
    const connection = new Connection(ends[0]!, ends[1]!);
    this.#connections.set(pairName(left, right), connection);
    this.#greet(connection, left, right, 0);
    this.#greet(connection, right, left, this.#weather.latencyMsMin);
  }

  #greet(connection: Connection, node: NodeId, peer: NodeId, delayMs: number): void {
    const side = connection.side(node);
    const greet = (): void => {
      if (side.closing || connection.broken) return;
      side.open = true;
      this.#hooks.connected(node, peer);
      this.#endpoints.get(node)!.peer({ kind: "connected", peer });
    };
    this.#loop.after(delayMs, greet, side.incarnation);
  }
}

/** One direction of a pair. */
interface Link {
  readonly random: SeededRandom;
  sent: number;
}

const LANES: readonly Lane[] = ["control", "foreground", "bulk"];

interface Letter {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly lane: Lane;
  readonly copy: Uint8Array;
  readonly luck: SeededRandom;
}

/** What a node says of itself in its hello. */
type AboutNode = Omit<PeerDescription, "id" | "connected">;

/** What one process holds of the network. */
class Endpoint implements Transport, PeerDirectory {
  readonly incarnation: Incarnation;
  readonly about: AboutNode;
  readonly #network: SimulatedNetwork;
  readonly #met = new Set<NodeId>();
  #onMessage: ((from: NodeId, message: Uint8Array, lane: Lane) => void) | undefined;
  #onPeer: ((event: PeerEvent) => void) | undefined;

  constructor(network: SimulatedNetwork, incarnation: Incarnation, about: AboutNode) {
    this.#network = network;
    this.incarnation = incarnation;
    this.about = about;
  }

  send(to: NodeId, message: Uint8Array, lane: Lane): boolean {
    return this.#network.send(this.incarnation, to, message, lane);
  }

  isConnected(peer: NodeId): boolean {
    return this.#network.isConnected(this.incarnation, peer);
  }

  onMessage(handler: (from: NodeId, message: Uint8Array, lane: Lane) => void): void {
    this.#onMessage = handler;
  }

  onPeer(handler: (event: PeerEvent) => void): void {
    this.#onPeer = handler;
  }

  peers(): readonly PeerDescription[] {
    const met = [...this.#met].sort();
    return met.map((id) => ({ id, ...this.#network.describe(id), connected: this.isConnected(id) }));
  }

  /** Nothing to learn: this network dials everybody by id. */
  learn(): void {}

  receive(from: NodeId, message: Uint8Array, lane: Lane): void {
    this.#onMessage?.(from, message, lane);
  }

  peer(event: PeerEvent): void {
    if (event.kind === "connected") this.#met.add(event.peer);
    this.#onPeer?.(event);
  }
}

function usable(connection: Connection, from: Incarnation): boolean {
  const side = connection.side(from.nodeId);
  return side.incarnation === from && side.open;
}

function pairName(left: NodeId, right: NodeId): string {
  return left < right ? linkName(left, right) : linkName(right, left);
}

const linkNames = new Map<NodeId, Map<NodeId, string>>();

/** Kept: a string that was built before is found by its identity, a new one has to be hashed. */
function linkName(from: NodeId, to: NodeId): string {
  let names = linkNames.get(from);
  if (names === undefined) linkNames.set(from, (names = new Map()));
  let name = names.get(to);
  if (name === undefined) names.set(to, (name = `${from} ${to}`));
  return name;
}
