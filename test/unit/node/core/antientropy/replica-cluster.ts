import { md5Digester as hash } from "../../../../../node/adapters/md5.ts";
import { AntiEntropy, type ComparedNow } from "../../../../../node/core/antientropy/anti-entropy.ts";
import type { ExchangeReport } from "../../../../../node/core/antientropy/exchange-report.ts";
import type { KeepersRing } from "../../../../../node/core/ring/keepers.ts";
import { MalformedBytes } from "../../../../../node/core/bytes/byte-reader.ts";
import type { NodeId } from "../../../../../node/core/node-id.ts";
import { decodeControl, encodeControl } from "../../../../../node/core/peers/control-channel.ts";
import { PeerCalls } from "../../../../../node/core/peers/peer-calls.ts";
import type { ControlMessage } from "../../../../../node/core/ports/control-calls.ts";
import type { CoreEvent } from "../../../../../node/core/ports/observer.ts";
import type { CoordinatedWrite } from "../../../../../node/core/ports/replica-store.ts";
import { Replica } from "../../../../../node/core/replica/replica.ts";
import { type PartitionRoutes, routesOf } from "../../../../../node/core/ring/change/change-routes.ts";
import type { Ring } from "../../../../../node/core/ring/ring.ts";
import { GroupCommit } from "../../../../../node/core/storage/group-commit.ts";
import { ReplicaReader } from "../../../../../node/core/storage/replica-reader.ts";
import { StoreClient } from "../../../../../node/core/storage/store-client.ts";
import { decodeMessage, encodeReply, type PeerMessage } from "../../../../../node/core/wire/messages.ts";
import { membersOf, nodeId, ringOf } from "../ring/made-ring.ts";
import { emptyImage, MemoryDatabase } from "../storage/memory-database.ts";
import { PipePair } from "../storage/pipe-pair.ts";
import { countingRandom, keyNamed, writeOf } from "../storage/sample-writes.ts";

export const INTERVAL_MS = 60_000;
export const SCRUB_INTERVAL_MS = 3_600_000;

export interface ClusterOptions {
  readonly nodes: number;
  readonly replicas?: number;
  readonly partitions?: number;
  /** Instead of one that is made of these numbers; nodes that are no members may be more. */
  readonly ring?: Ring;
}

/** Nodes with real stores, peer calls and anti-entropy, joined by wires of memory. The test plays the clock. */
export class ReplicaCluster {
  readonly nodes: readonly ReplicaNode[];
  readonly #wires: { from: ReplicaNode; to: NodeId; message: Uint8Array }[] = [];
  readonly #cut = new Set<string>();
  /** Called with every request on the wire; false drops it. */
  passes: (from: ReplicaNode, message: PeerMessage) => boolean = () => true;
  nowMs = 0;
  #timers: { atMs: number; run: () => void }[] = [];

  constructor({ nodes, replicas = 3, partitions = 256, ring: given }: ClusterOptions) {
    const ring = given ?? ringOf({ members: membersOf(nodes), replicas, partitions });
    this.nodes = Array.from({ length: nodes }, (_, n) => new ReplicaNode(n, ring, this));
  }

  /** All of them see each other, and their background work begins. */
  start(): void {
    for (const node of this.nodes) {
      node.antiEntropy.start();
      for (const other of this.nodes) if (other !== node) node.antiEntropy.compareSoon(other.id);
    }
  }

  cut(one: ReplicaNode, other: ReplicaNode): void {
    this.#cut.add(`${one.id} ${other.id}`).add(`${other.id} ${one.id}`);
    one.calls.disconnected(other.id);
    other.calls.disconnected(one.id);
    one.onDisconnected(other.id);
    other.onDisconnected(one.id);
  }

  mend(): void {
    this.#cut.clear();
  }

  isConnected(from: NodeId, to: NodeId): boolean {
    return !this.#cut.has(`${from} ${to}`);
  }

  send(from: ReplicaNode, to: NodeId, message: Uint8Array): boolean {
    if (!this.isConnected(from.id, to)) return false;
    if (this.passes(from, decodeMessage(message))) this.#wires.push({ from, to, message: message.slice() });
    return true;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { atMs: this.nowMs + delayMs, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer);
    };
  }

  /** What the node reports of its exchange with each co-owner. */
  async compareNow(node: ReplicaNode, timeoutMs = 30_000): Promise<readonly ExchangeReport[]> {
    const compared = await this.finished(node.antiEntropy.compareNow(timeoutMs));
    if (compared.status !== "compared") throw new Error(compared.status);
    return compared.exchanges;
  }

  compare(node: ReplicaNode): Promise<ComparedNow> {
    return this.finished(node.antiEntropy.compareNow(30_000));
  }

  /** Lets time pass until the promise settles: at most ten minutes. */
  async finished<T>(promise: Promise<T>): Promise<T> {
    const state = { settled: false };
    void promise.then(() => (state.settled = true));
    const endMs = this.nowMs + 600_000;
    while (!state.settled && this.nowMs < endMs) {
      await this.settle();
      if (!state.settled) await this.advance(20);
    }
    if (!state.settled) throw new Error("nothing came of it in ten minutes");
    return promise;
  }

  async advance(ms: number): Promise<void> {
    const endMs = this.nowMs + ms;
    for (;;) {
      await this.settle();
      const due = this.#timers.filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#timers.splice(this.#timers.indexOf(due), 1);
      this.nowMs = Math.max(this.nowMs, due.atMs);
      due.run();
    }
    this.nowMs = endMs;
  }

  /** Lets threads, pipes, wires and promises run until nothing moves. */
  async settle(): Promise<void> {
    for (let idle = 0; idle < 2; idle++) {
      let moved = 0;
      for (const node of this.nodes) moved += node.step();
      for (const { from, to, message } of this.#wires.splice(0)) {
        this.nodes.find(({ id }) => id === to)!.receive(from, message);
        moved += 1;
      }
      if (moved > 0) idle = -1;
      await new Promise((resolve) => void setImmediate(resolve));
    }
  }
}

/** One node: the store engines over databases in memory, and what anti-entropy is made of. */
export class ReplicaNode {
  readonly id: NodeId;
  readonly data = new MemoryDatabase();
  readonly store: StoreClient;
  readonly calls: PeerCalls;
  readonly antiEntropy: AntiEntropy;
  readonly events: CoreEvent[] = [];
  /** What its writer is sent waits. */
  writerHangs = false;
  /** It has heard that its disk lost data. */
  isRecovering = false;
  /** The ring that it serves. */
  ring: Ring;
  readonly ringState: KeepersRing = {
    current: () => this.ring,
    hash: () => (this.ring.epoch === 1 ? "ring" : `ring-${this.ring.epoch}`),
    preferenceList: (partition) => this.#routes()[partition]!.read,
    routes: (partition) => this.#routes()[partition]!,
  };
  /** Answers messages about rings and transfers. */
  control: (from: NodeId, message: ControlMessage) => ControlMessage = () => ({ type: "nothing" });
  /** Called when a connection is cut. */
  onDisconnected: (peer: NodeId) => void = () => undefined;
  #routed: { readonly ring: Ring; readonly routes: readonly PartitionRoutes[] } | undefined;
  readonly #cluster: ReplicaCluster;
  readonly #replica: Replica;
  readonly #newEngine: () => GroupCommit;
  #engine: GroupCommit;
  #draws = 0;
  readonly #pipes: readonly PipePair[];
  #soon: (() => void)[] = [];

  constructor(n: number, ring: Ring, cluster: ReplicaCluster) {
    this.id = nodeId(n);
    this.ring = ring;
    this.#cluster = cluster;
    const writer = new PipePair();
    const reader = new PipePair();
    this.#pipes = [writer, reader];
    const clock = { monotonicMs: () => cluster.nowMs, wallMs: () => 0 };
    const timers = {
      after: (delayMs: number, run: () => void) => cluster.after(delayMs, run),
      soon: (run: () => void) => void this.#soon.push(run),
    };
    const observer = { event: (event: CoreEvent) => void this.events.push(event) };
    const random = { ...countingRandom(1_000 * n), below: (limit: number) => this.#draws++ % limit };
    const hints = new MemoryDatabase();
    const limits = { siblingsMax: 100, recordBytesMax: 1 << 24, hintBytesMax: 1 << 30 };
    const { data } = this;
    this.#newEngine = () => new GroupCommit({ data, hints, pipe: writer.far, hash, random, clock, limits });
    this.#engine = this.#newEngine();
    new ReplicaReader({ data, hints, pipe: reader.far, hash });
    const { opened } = this.#engine;
    const readers = [reader.near];
    this.store = new StoreClient({ writer: writer.near, readers, clock, timers, observer, opened });
    const transport = {
      send: (to: NodeId, message: Uint8Array) => cluster.send(this, to, message),
      isConnected: (peer: NodeId) => cluster.isConnected(this.id, peer),
      onMessage: () => undefined,
      onPeer: () => undefined,
    };
    this.calls = new PeerCalls({ transport, clock, timers, observer, random, callsPerPeerMax: 1_000 });
    this.antiEntropy = new AntiEntropy({
      self: this.id,
      ring: this.ringState,
      merkle: this.store,
      tombstones: this.store,
      store: this.store,
      calls: this.calls,
      clock,
      timers,
      random,
      hash,
      observer,
      settings: {
        antiEntropyIntervalMs: INTERVAL_MS,
        antiEntropyRecheckMs: 1_000,
        scrubIntervalMs: SCRUB_INTERVAL_MS,
      },
      isConnected: transport.isConnected,
      isRecovering: () => this.isRecovering,
    });
    this.#replica = new Replica({
      ring: {
        ...this.ringState,
        isMember: () => true,
        mayAcknowledge: () => true,
        catchUp: () => Promise.resolve(),
      },
      store: this.store,
      observer,
      isVoter: () => true,
      onCorrupt: (position) => this.antiEntropy.corruptRowFound(position),
    });
  }

  /** Its databases are gone, and its storage threads start anew. */
  loseDisk(): void {
    this.data.restore(emptyImage);
    this.#engine = this.#newEngine();
  }

  /** Coordinated here and sent to nobody. */
  async put(name: string, text: string, more: Partial<CoordinatedWrite> = {}): Promise<void> {
    const { durable } = this.store.coordinate(writeOf(name, text, more));
    await this.#cluster.settle();
    await durable;
  }

  /** All of them in one go. */
  async putAll(names: readonly string[], text: string): Promise<void> {
    const done = names.map((name) => this.store.coordinate(writeOf(name, text)).durable);
    await this.#cluster.settle();
    await Promise.all(done);
  }

  /** The encoded record at a key, as it is on the disk. */
  record(name: string): Uint8Array | undefined {
    return this.data.read(keyNamed(name).position)?.record;
  }

  async roots(): Promise<string[]> {
    const read = this.store.partitionRoots(256);
    await this.#cluster.settle();
    const roots = await read;
    if (roots.status === "failed") throw new Error(roots.message);
    return roots.partitions.map(({ root }) => Buffer.from(root).toString("hex"));
  }

  receive(from: ReplicaNode, bytes: Uint8Array): void {
    const message = decodeMessage(bytes);
    if (message.kind === "reply") return this.calls.replied(from.id, message.call, message.body);
    const answer = this.answer(from.id, message);
    void answer.then(
      (body) => void this.#cluster.send(this, from.id, encodeReply(message.call, body)),
      (error: unknown) => {
        if (!(error instanceof MalformedBytes)) throw error;
        this.events.push({ kind: "peer_message_refused", peerId: from.id, reason: error.message });
      },
    );
  }

  async answer(from: NodeId, { request }: Extract<PeerMessage, { kind: "request" }>): Promise<Uint8Array> {
    if (request.kind === "replicate") return this.#replica.replicate(from, request.body, request.planned);
    if (request.kind === "read") return this.#replica.read(from, request.body, request.planned);
    if (request.kind === "anti_entropy") return this.antiEntropy.answer(from, request.body);
    if (request.kind === "control") return encodeControl(this.control(from, decodeControl(request.body)));
    throw new Error(`nobody sends ${request.kind} here`);
  }

  #routes(): readonly PartitionRoutes[] {
    if (this.#routed?.ring !== this.ring) this.#routed = { ring: this.ring, routes: routesOf(this.ring) };
    return this.#routed.routes;
  }

  /** Messages between the threads of this node that moved. */
  step(): number {
    for (const run of this.#soon.splice(0)) run();
    let moved = 0;
    const [writer, reader] = this.#pipes;
    if (!this.writerHangs) moved += writer!.far.deliver();
    moved += reader!.far.deliver();
    while (this.#engine.apply()) this.#engine.commit();
    for (const { near } of this.#pipes) moved += near.deliver();
    return moved;
  }
}
