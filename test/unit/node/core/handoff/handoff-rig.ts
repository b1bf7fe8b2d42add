import { md5Digester as hash } from "../../../../../node/adapters/md5.ts";
import { HintDelivery } from "../../../../../node/core/handoff/hint-delivery.ts";
import type { NodeId } from "../../../../../node/core/node-id.ts";
import { PeerCalls } from "../../../../../node/core/peers/peer-calls.ts";
import type { HintPlace } from "../../../../../node/core/ports/hint-store.ts";
import type { CoreEvent } from "../../../../../node/core/ports/observer.ts";
import type { Stored } from "../../../../../node/core/ports/replica-store.ts";
import type { Lane } from "../../../../../node/core/ports/transport.ts";
import { partitionOf } from "../../../../../node/core/ring/position.ts";
import { routesOf } from "../../../../../node/core/ring/change/change-routes.ts";
import type { RingNumber } from "../../../../../node/core/ring/ring-number.ts";
import type { Ring, RingMember } from "../../../../../node/core/ring/ring.ts";
import { GroupCommit } from "../../../../../node/core/storage/group-commit.ts";
import { ReplicaReader } from "../../../../../node/core/storage/replica-reader.ts";
import { StoreClient } from "../../../../../node/core/storage/store-client.ts";
import { decodeMessage, type ReplicateRequest } from "../../../../../node/core/wire/messages.ts";
import { encodeStale, encodeStored } from "../../../../../node/core/wire/replies.ts";
import { membersOf, nodeId, ringOf } from "../ring/made-ring.ts";
import { MemoryDatabase } from "../storage/memory-database.ts";
import { PipePair } from "../storage/pipe-pair.ts";
import { countingRandom, keyNamed, writeOf } from "../storage/sample-writes.ts";

export const INTERVAL_MS = 10_000;

/** A record on its way to an owner; nobody has answered it yet. */
export interface SentHint {
  readonly to: NodeId;
  readonly call: number;
  readonly lane: Lane;
  /** The ring by which its receiver was chosen. */
  readonly planned: RingNumber;
  readonly body: ReplicateRequest;
}

/**
 * Node 0 of a ring of eight with its delivery of hints over the real store engines and peer calls. The test plays the
 * owners, the links and the clock.
 */
export class HandoffRig {
  readonly connected = new Set<NodeId>();
  readonly data = new MemoryDatabase();
  readonly hints = new MemoryDatabase();
  readonly events: CoreEvent[] = [];
  readonly lost: HintPlace[] = [];
  readonly corruptRows: Uint8Array[] = [];
  /** Later rings that it was told of, and by whom. */
  readonly laterRings: [NodeId, RingNumber][] = [];
  readonly store: StoreClient;
  readonly delivery: HintDelivery;
  nowMs = 0;
  /** What it is sent waits. */
  writerHangs = false;
  readonly #calls: PeerCalls;
  readonly #engine: GroupCommit;
  readonly #pipes: readonly PipePair[];
  #ring: Ring = ringOf({ members: membersOf(8) });
  #routes = routesOf(this.#ring);
  #sent: SentHint[] = [];
  #soon: (() => void)[] = [];
  #timers: { atMs: number; run: () => void }[] = [];

  constructor(handoffBatchRows = 128) {
    const writer = new PipePair();
    const reader = new PipePair();
    this.#pipes = [writer, reader];
    const clock = { monotonicMs: () => this.nowMs, wallMs: () => 0 };
    const timers = {
      after: (delayMs: number, run: () => void) => this.#after(delayMs, run),
      soon: (run: () => void) => void this.#soon.push(run),
    };
    const observer = { event: (event: CoreEvent) => void this.events.push(event) };
    const random = countingRandom();
    const { data } = this;
    const limits = { siblingsMax: 100, recordBytesMax: 1 << 20, hintBytesMax: 1 << 30 };
    this.#engine = new GroupCommit({
      data,
      hints: this.hints,
      pipe: writer.far,
      hash,
      random,
      clock,
      limits,
    });
    new ReplicaReader({ data, hints: this.hints, pipe: reader.far, hash });
    const { opened } = this.#engine;
    const readers = [reader.near];
    this.store = new StoreClient({ writer: writer.near, readers, clock, timers, observer, opened });
    const transport = {
      send: (to: NodeId, message: Uint8Array, lane: Lane) => this.#send(to, message, lane),
      isConnected: (peer: NodeId) => this.connected.has(peer),
      onMessage: () => undefined,
      onPeer: () => undefined,
    };
    this.#calls = new PeerCalls({ transport, clock, timers, observer, random, callsPerPeerMax: 1_000 });
    this.delivery = new HintDelivery({
      self: nodeId(0),
      ring: {
        current: () => this.#ring,
        hash: () => "",
        preferenceList: (partition) => this.#routes[partition]!.read,
        routes: (partition) => this.#routes[partition]!,
      },
      settings: { handoffIntervalMs: INTERVAL_MS, handoffBatchRows },
      store: this.store,
      keepOwn: (incoming) => this.store.store(incoming),
      calls: this.#calls,
      isConnected: transport.isConnected,
      outdated: (peer, theirs) => void this.laterRings.push([peer, theirs]),
      onCompleted: () => undefined,
      onLost: (place) => void this.lost.push(place),
      onCorruptRow: (position) => void this.corruptRows.push(position),
      clock,
      timers,
      random,
      observer,
    });
    this.delivery.start();
  }

  /** A put of `text` under `name` that this node keeps for `owners`. */
  async keep(name: string, text: string, ...owners: readonly NodeId[]): Promise<void> {
    const { durable } = this.store.coordinate(writeOf(name, text, { keptFor: owners }));
    await this.settle();
    await durable;
  }

  /** A put of `text` under `name` that is this node's own, and that `owners` missed. */
  async mark(name: string, text: string, ...owners: readonly NodeId[]): Promise<void> {
    const { durable } = this.store.coordinate(writeOf(name, text));
    const marked = this.store.mark({ position: keyNamed(name).position, owners });
    await this.settle();
    await Promise.all([durable, marked]);
  }

  /** The next epoch, with these members. */
  install(members: readonly RingMember[]): void {
    this.serve({ ...ringOf({ members }), epoch: this.#ring.epoch + 1 });
  }

  serve(ring: Ring): void {
    this.#ring = ring;
    this.#routes = routesOf(ring);
  }

  /** Who owns the key now. */
  ownersOf(name: string): readonly NodeId[] {
    return this.#routes[partitionOf(keyNamed(name).position, this.#ring.parameters.partitions)]!.write.owners;
  }

  connect(owner: NodeId): void {
    this.connected.add(owner);
    this.delivery.peerConnected(owner);
  }

  disconnect(owner: NodeId): void {
    this.connected.delete(owner);
    this.#calls.disconnected(owner);
  }

  /** What was sent since the last look, once everything that can go on has gone on. */
  async sent(): Promise<SentHint[]> {
    await this.settle();
    return this.#sent.splice(0);
  }

  async answer(hint: SentHint, stored: Stored = { ok: true }): Promise<void> {
    this.#calls.replied(hint.to, hint.call, encodeStored(stored));
    await this.settle();
  }

  async refuse(hint: SentHint, theirs: RingNumber): Promise<void> {
    this.#calls.replied(hint.to, hint.call, encodeStale(theirs));
    await this.settle();
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

  /** By owner, as the store counts. */
  pending(): Record<string, number> {
    return Object.fromEntries(this.store.rows().hintsByOwner);
  }

  /** Lets threads, pipes and promises run until nothing moves. */
  async settle(): Promise<void> {
    for (let idle = 0; idle < 3; idle++) {
      for (const run of this.#soon.splice(0)) run();
      let moved = 0;
      const [writer, reader] = this.#pipes;
      if (!this.writerHangs) moved += writer!.far.deliver();
      moved += reader!.far.deliver();
      while (this.#engine.apply()) this.#engine.commit();
      for (const { near } of this.#pipes) moved += near.deliver();
      if (moved > 0) idle = -1;
      await new Promise((resolve) => void setImmediate(resolve));
    }
  }

  #send(to: NodeId, bytes: Uint8Array, lane: Lane): boolean {
    if (!this.connected.has(to)) return false;
    const message = decodeMessage(bytes);
    if (message.kind !== "request" || message.request.kind !== "replicate") throw new Error(message.kind);
    const { body, planned } = message.request;
    this.#sent.push({ to, call: message.call, lane, planned, body });
    return true;
  }

  #after(delayMs: number, run: () => void): () => void {
    const timer = { atMs: this.nowMs + delayMs, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer);
    };
  }
}
