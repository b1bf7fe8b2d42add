import { encodeReply, decodeMessage } from "../../../../../node/core/wire/messages.ts";
import type { NodeId } from "../../../../../node/core/node-id.ts";
import { PeerCalls } from "../../../../../node/core/peers/peer-calls.ts";
import type { CoreEvent } from "../../../../../node/core/ports/observer.ts";
import { preferenceLists } from "../../../../../node/core/ring/preference-list.ts";
import type { Ring } from "../../../../../node/core/ring/ring.ts";
import { Seals } from "../../../../../node/core/seal/seals.ts";
import { MemoryDatabase } from "../storage/memory-database.ts";
import { StoreRig } from "../storage/store-rig.ts";
import { countingRandom } from "../storage/sample-writes.ts";
import { membersOf, nodeId, ringOf } from "../ring/made-ring.ts";

export const INTERVAL_MS = 10_000;
export const PAUSE_MS = 120_000;
const PARTITIONS = 8;

/** Nodes with real stores and seal rounds, joined by wires of memory. The test plays the clock. */
export class SealCluster {
  readonly nodes: readonly SealNode[];
  readonly departed: NodeId[] = [];
  nowMs = 0;
  ring: Ring = ringOf({ members: membersOf(4), replicas: 3, partitions: PARTITIONS });
  digest = "d1";
  #timers: { atMs: number; run: () => void }[] = [];

  constructor() {
    this.nodes = Array.from({ length: 5 }, (_, n) => new SealNode(n, this));
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { atMs: this.nowMs + delayMs, run };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((other) => other !== timer));
  }

  /** Lets time pass, timer by timer, and all that each sets in motion come to its end. */
  async pass(durationMs: number): Promise<void> {
    const untilMs = this.nowMs + durationMs;
    for (;;) {
      await this.#settle();
      const next = this.#timers.sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined || next.atMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, next.atMs);
      this.#timers.shift();
      next.run();
    }
    this.nowMs = untilMs;
  }

  async #settle(): Promise<void> {
    // Peers wait for one another's storage, some messages deep.
    for (let turn = 0; turn < 6; turn++) await Promise.all(this.nodes.map(({ rig }) => rig.run()));
  }
}

export class SealNode {
  readonly id: NodeId;
  readonly data = new MemoryDatabase();
  readonly hints = new MemoryDatabase();
  readonly rig: StoreRig;
  readonly events: CoreEvent[] = [];
  readonly seals: Seals;
  isUp = true;
  isRecovering = false;
  steadySinceMs = -1e9;
  /** Kinds of requests that are lost on their way to it: the first byte of their bodies. */
  readonly loses = new Set<number>();
  readonly #cluster: SealCluster;

  constructor(n: number, cluster: SealCluster) {
    this.id = nodeId(n);
    this.#cluster = cluster;
    this.rig = new StoreRig({ data: this.data, hints: this.hints });
    const clock = { monotonicMs: () => cluster.nowMs, wallMs: () => 0 };
    const timers = {
      after: (delayMs: number, run: () => void) => cluster.after(delayMs, run),
      soon: (run: () => void) => queueMicrotask(run),
    };
    const observer = { event: (event: CoreEvent) => void this.events.push(event) };
    const random = countingRandom(1_000 * n);
    const calls = new PeerCalls({
      transport: {
        send: (to, message) => this.#send(to, message),
        isConnected: (peer) => this.#peer(peer).isUp,
        onMessage: () => undefined,
        onPeer: () => undefined,
      },
      clock,
      timers,
      observer,
      random,
      callsPerPeerMax: 100,
    });
    this.#calls = calls;
    this.seals = new Seals({
      self: this.id,
      ring: {
        current: () => cluster.ring,
        hash: () => cluster.digest,
        preferenceList: (partition) => preferenceLists(cluster.ring)[partition]!,
      },
      store: this.rig.store,
      seal: (rows) => this.rig.store.seal(rows),
      calls,
      isConnected: (peer) => this.#peer(peer).isUp,
      departed: () => cluster.departed,
      isRecovering: () => this.isRecovering,
      steadyMs: () => cluster.nowMs - this.steadySinceMs,
      clock,
      timers,
      random,
      observer,
      settings: {
        requestTimeoutMsMax: 60_000,
        sealIntervalMs: INTERVAL_MS,
        sealPauseMs: PAUSE_MS,
        scrubIntervalMs: 86_400_000,
      },
    });
  }

  readonly #calls: PeerCalls;

  #peer(id: NodeId): SealNode {
    return this.#cluster.nodes.find((node) => node.id === id)!;
  }

  #send(to: NodeId, bytes: Uint8Array): boolean {
    const peer = this.#peer(to);
    const message = decodeMessage(bytes.slice());
    if (!peer.isUp) return false;
    if (message.kind === "reply" || message.request.kind !== "seal") return true;
    const { body } = message.request;
    if (peer.loses.has(body[0]!)) return true;
    void peer.seals.answer(this.id, body).then((answer) => {
      const reply = decodeMessage(encodeReply(message.call, answer));
      if (reply.kind === "reply") this.#calls.replied(to, reply.call, reply.body);
    });
    return true;
  }
}
