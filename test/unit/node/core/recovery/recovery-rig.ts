import { md5Digester as hash } from "../../../../../node/adapters/md5.ts";
import type { NodeId } from "../../../../../node/core/node-id.ts";
import type { ControlMessage } from "../../../../../node/core/ports/control-calls.ts";
import type { CoreEvent } from "../../../../../node/core/ports/observer.ts";
import { Recovery } from "../../../../../node/core/recovery/recovery.ts";
import { routesOf } from "../../../../../node/core/ring/change/change-routes.ts";
import type { Ring } from "../../../../../node/core/ring/ring.ts";
import { GroupCommit } from "../../../../../node/core/storage/group-commit.ts";
import { StoreClient } from "../../../../../node/core/storage/store-client.ts";
import { membersOf, nodeId, ringOf } from "../ring/made-ring.ts";
import { MemoryDatabase } from "../storage/memory-database.ts";
import { PipePair } from "../storage/pipe-pair.ts";
import { countingRandom, writeOf } from "../storage/sample-writes.ts";

const PARTITIONS = 8;
const ALL = Array.from({ length: PARTITIONS }, (_, partition) => partition);
const formed = ringOf({ members: membersOf(3), partitions: PARTITIONS });
const random = countingRandom();

/** One node's disk and its lives: the real writer engine, store client and recovery; the test plays links and clock. */
export class RecoveryNode {
  readonly id: NodeId;
  readonly data = new MemoryDatabase();
  acknowledgements: Uint8Array | undefined;
  readonly events: CoreEvent[] = [];
  readonly compareSoon: NodeId[] = [];
  hasRing = true;
  ring: Ring = formed;
  readonly #cluster: RecoveryCluster;
  #life: Life | undefined;

  constructor(cluster: RecoveryCluster, id: NodeId) {
    this.#cluster = cluster;
    this.id = id;
  }

  get recovery(): Recovery {
    return this.life.recovery;
  }

  get life(): Life {
    if (this.#life === undefined) throw new Error(`${this.id} is down`);
    return this.#life;
  }

  get isUp(): boolean {
    return this.#life !== undefined;
  }

  get kinds(): string[] {
    return this.events.map((event) => (event.kind === "recovery_started" ? event.reason : event.kind));
  }

  start(): void {
    const writer = new PipePair();
    const clock = { monotonicMs: () => this.#cluster.nowMs, wallMs: () => 0 };
    const timers = this.#cluster.timersOf(() => this.#life === life);
    const event = (each: CoreEvent): void => void (each.kind === "batch_committed" || this.events.push(each));
    const observer = { event };
    const limits = { siblingsMax: 100, recordBytesMax: 1 << 20, hintBytesMax: 1 << 30 };
    const hints = new MemoryDatabase();
    const engine = new GroupCommit({ data: this.data, hints, pipe: writer.far, hash, random, clock, limits });
    const readers = [new PipePair().near];
    const { opened } = engine;
    const store = new StoreClient({ writer: writer.near, readers, clock, timers, observer, opened });
    const current = () => (this.hasRing ? this.ring : undefined);
    const routes = (partition: number) => routesOf(this.ring)[partition]!;
    const recovery = new Recovery({
      self: this.id,
      store,
      ring: { current, hash: () => "", preferenceList: (partition) => routes(partition).read, routes },
      timers,
      random,
      observer,
      compareSoon: (peer) => void this.compareSoon.push(peer),
      acknowledgements: {
        load: () => this.acknowledgements,
        save: async (bytes) => void (this.acknowledgements = bytes),
      },
      calls: { call: (to, message) => this.#cluster.call(this.id, to, message) },
      isConnected: (peer) => this.#cluster.isConnected(this.id, peer),
    });
    const life: Life = { writer, engine, store, recovery };
    this.#life = life;
    recovery.start();
  }

  crash(): void {
    this.#life = undefined;
    this.data.crash();
  }

  comparedWith(peer: NodeId, partitions: readonly number[] = ALL): void {
    this.recovery.compared(peer, partitions);
  }
}

interface Life {
  readonly writer: PipePair;
  readonly engine: GroupCommit;
  readonly store: StoreClient;
  readonly recovery: Recovery;
}

/** Three nodes that own everything together. */
export class RecoveryCluster {
  readonly nodes: readonly RecoveryNode[];
  nowMs = 0;
  /** Control calls are lost. */
  isSilent = false;
  readonly #split = new Set<string>();
  #soon: (() => void)[] = [];
  #timers: { atMs: number; run: () => void }[] = [];
  #writes = 0;

  constructor() {
    this.nodes = [0, 1, 2].map((n) => new RecoveryNode(this, nodeId(n)));
  }

  async startAll(): Promise<void> {
    for (const node of this.nodes) await this.start(node);
  }

  async start(node: RecoveryNode): Promise<void> {
    node.start();
    for (const other of this.nodes) if (other !== node && other.isUp) this.connect(node, other);
    await this.settle();
  }

  connect(a: RecoveryNode, b: RecoveryNode): void {
    if (!this.isConnected(a.id, b.id)) return;
    a.recovery.peerConnected(b.id);
    b.recovery.peerConnected(a.id);
  }

  split(a: RecoveryNode, b: RecoveryNode): void {
    this.#split.add(pairOf(a.id, b.id));
  }

  async heal(a: RecoveryNode, b: RecoveryNode): Promise<void> {
    this.#split.delete(pairOf(a.id, b.id));
    this.connect(a, b);
    await this.settle();
  }

  isConnected(a: NodeId, b: NodeId): boolean {
    return this.#node(a).isUp && this.#node(b).isUp && !this.#split.has(pairOf(a, b));
  }

  /** `to` keeps a record that `from` sends, and says so. */
  async replicate(from: RecoveryNode, to: RecoveryNode): Promise<void> {
    const { durable } = to.life.store.coordinate(writeOf(`key ${++this.#writes}`, "v"));
    await this.settle();
    const stored = await durable;
    if (stored.ok && stored.at !== undefined) from.recovery.acknowledged(to.id, stored.at);
  }

  async call(from: NodeId, to: NodeId, message: ControlMessage): Promise<ControlMessage | undefined> {
    if (this.isSilent || !this.isConnected(from, to)) return undefined;
    const sent = JSON.parse(JSON.stringify(message)) as ControlMessage;
    return JSON.parse(JSON.stringify(this.#node(to).recovery.handleControl(sent))) as ControlMessage;
  }

  timersOf(isAlive: () => boolean) {
    const ifAlive = (run: () => void) => () => void (isAlive() && run());
    return {
      after: (delayMs: number, run: () => void) => {
        this.#timers.push({ atMs: this.nowMs + delayMs, run: ifAlive(run) });
        return () => undefined;
      },
      soon: (run: () => void) => void this.#soon.push(ifAlive(run)),
    };
  }

  async advance(ms: number): Promise<void> {
    const endMs = this.nowMs + ms;
    for (;;) {
      await this.settle();
      const due = this.#timers.filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#timers.splice(this.#timers.indexOf(due), 1);
      this.nowMs = due.atMs;
      due.run();
    }
    this.nowMs = endMs;
  }

  async settle(): Promise<void> {
    for (let idle = 0; idle < 3; idle++) {
      for (const run of this.#soon.splice(0)) run();
      for (const node of this.nodes) {
        if (!node.isUp) continue;
        const { writer, engine } = node.life;
        if (writer.far.deliver() > 0) idle = -1;
        while (engine.apply()) engine.commit();
        if (writer.near.deliver() > 0) idle = -1;
      }
      await new Promise((resolve) => void setImmediate(resolve));
    }
  }

  #node(id: NodeId): RecoveryNode {
    return this.nodes.find((node) => node.id === id)!;
  }
}

function pairOf(a: NodeId, b: NodeId): string {
  return [a, b].sort().join(" ");
}
