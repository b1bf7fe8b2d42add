import { md5Digester as hash } from "../../../../../node/adapters/md5.ts";
import type { NodeId } from "../../../../../node/core/node-id.ts";
import { ControlChannel } from "../../../../../node/core/peers/control-channel.ts";
import type { Step } from "../../../../../node/core/ring/change/change-steps.ts";
import type { ElasticRing, Ring } from "../../../../../node/core/ring/ring.ts";
import { RecordCache } from "../../../../../node/core/storage/record-cache.ts";
import { ChangeDriver } from "../../../../../node/core/transfer/change-driver.ts";
import { MisplacedCopies } from "../../../../../node/core/transfer/misplaced-copies.ts";
import { Transfer } from "../../../../../node/core/transfer/transfer.ts";
import { ReplicaCluster, type ReplicaNode } from "../antientropy/replica-cluster.ts";
import { raised } from "../ring/change/elastic-rings.ts";
import { membersOf, ringOf } from "../ring/made-ring.ts";
import { keyNamed } from "../storage/sample-writes.ts";

/** A node with what moves copies because the ring changes. The test says who serves which ring. */
export class TransferNode {
  readonly transfer: Transfer;
  readonly misplaced: MisplacedCopies;
  readonly driver: ChangeDriver;
  readonly cache: RecordCache;
  readonly proposed: Step[] = [];
  /** What it has heard of others by gossip. */
  readonly fencing = new Set<NodeId>();
  readonly notVoting = new Set<NodeId>();
  readonly down = new Set<NodeId>();
  /** How often its copies were to be put aside. */
  setAside = 0;
  readonly node: ReplicaNode;

  constructor(node: ReplicaNode, cluster: ReplicaCluster) {
    this.node = node;
    const clock = { monotonicMs: () => cluster.nowMs, wallMs: () => 0 };
    const timers = {
      after: (delayMs: number, run: () => void) => cluster.after(delayMs, run),
      soon: () => undefined,
    };
    let draws = 0;
    const random = {
      bytes: (length: number) => new Uint8Array(length),
      below: (most: number) => draws++ % most,
    };
    this.cache = new RecordCache(node.store, 1 << 20);
    const shared = {
      self: node.id,
      ring: node.ringState,
      merkle: node.store,
      store: this.cache,
      clock,
      timers,
      random,
      hash,
      calls: node.calls,
      observer: { event: (event: ReplicaNode["events"][number]) => void node.events.push(event) },
      isConnected: (peer: NodeId) => cluster.isConnected(node.id, peer),
      isFencing: (peer: NodeId) => peer === node.id || this.fencing.has(peer),
      isVoter: (peer: NodeId) => !this.notVoting.has(peer),
      onCorrupt: () => undefined,
      hasHints: () => node.store.hintOwners().length > 0,
      setCopiesAside: () => void this.setAside++,
      settings: {
        readQuorum: 2,
        writeQuorum: 2,
        antiEntropyIntervalMs: 60_000,
        handoffIntervalMs: 10_000,
      },
    };
    this.misplaced = new MisplacedCopies(shared);
    this.transfer = new Transfer({
      ...shared,
      exchange: (peer, partitions, limits) => node.antiEntropy.exchange(peer, partitions, limits),
      dropsSettled: () => this.misplaced.settled(),
    });
    this.driver = new ChangeDriver({
      ...shared,
      calls: new ControlChannel(node.calls, clock),
      isHealthy: (peer) => !this.down.has(peer),
      equalWith: (partition) => this.transfer.equalWith(partition),
      propose: async (step) => void this.proposed.push(step),
    });
    node.control = () => this.driver.handleControl();
    node.onDisconnected = (peer) => this.transfer.disconnected(peer);
  }

  /** It serves this ring from now on, and has heard that all that `fencing` says do too. */
  serve(ring: Ring, fencing: readonly NodeId[] = []): void {
    this.fencing.clear();
    for (const id of fencing) this.fencing.add(id);
    this.node.ring = ring;
    this.transfer.ringChanged();
    this.driver.ringChanged();
    this.misplaced.ringChanged();
  }

  events<K extends ReplicaNode["events"][number]["kind"]>(kind: K) {
    return this.node.events.flatMap((event) =>
      event.kind === kind ? [event as Extract<typeof event, { kind: K }>] : [],
    );
  }
}

/** `members` in a ring of format 2, and as many more as are to join. */
export class TransferCluster {
  readonly settled: ElasticRing;
  readonly wires: ReplicaCluster;
  readonly nodes: readonly TransferNode[];

  constructor({ members, nodes, partitions = 16 }: { members: number; nodes: number; partitions?: number }) {
    this.settled = raised(ringOf({ members: membersOf(members), partitions }));
    this.wires = new ReplicaCluster({ nodes, ring: this.settled });
    this.nodes = this.wires.nodes.map((node) => new TransferNode(node, this.wires));
  }

  /** All nodes serve it, and know it of each other. */
  serve(ring: Ring): void {
    const ids = this.nodes.map(({ node }) => node.id);
    for (const node of this.nodes) node.serve(ring, ids);
  }

  /** The same rows at all members: fewer than N+1 of them own everything. */
  async fill(keys: readonly string[], text = "value"): Promise<void> {
    const [first, ...others] = this.nodes.filter(({ node }) =>
      this.settled.members.some(({ id }) => id === node.id),
    );
    await first!.node.putAll(keys, text);
    for (const { node } of others) {
      const stored = keys.map((key) =>
        node.store.store({ position: keyNamed(key).position, record: first!.node.record(key)!, keptFor: [] }),
      );
      await this.wires.settle();
      await Promise.all(stored);
    }
  }

  advance(ms: number): Promise<void> {
    return this.wires.advance(ms);
  }
}

export function names(count: number, prefix = "key"): string[] {
  return Array.from({ length: count }, (_, n) => `${prefix}-${n}`);
}
