import { ClusterSecret } from "../../../../../node/adapters/cluster-secret.ts";
import { KeyedHash } from "../../../../../node/adapters/keyed-hash.ts";
import { Coordinator } from "../../../../../node/core/coordinator/coordinator.ts";
import type { RequestOptions } from "../../../../../node/core/coordinator/requests.ts";
import type { NodeId } from "../../../../../node/core/node-id.ts";
import { PeerCalls } from "../../../../../node/core/peers/peer-calls.ts";
import type { CoreEvent } from "../../../../../node/core/ports/observer.ts";
import type {
  CoordinatedWrite,
  IncomingRecord,
  Merged,
  MissedByOwners,
  ReplicaQuery,
  ReplicaRead,
  ReplicaStore,
  Stored,
} from "../../../../../node/core/ports/replica-store.ts";
import { type PartitionRoutes, routesOf } from "../../../../../node/core/ring/change/change-routes.ts";
import { compareRings, type RingNumber } from "../../../../../node/core/ring/ring-number.ts";
import { partitionOf, positionOf } from "../../../../../node/core/ring/position.ts";
import type { PreferenceList, Ring, RingMember } from "../../../../../node/core/ring/ring.ts";
import { defaultSettings } from "../../../../../node/core/settings.ts";
import { applyCoordinated } from "../../../../../node/core/storage/apply-write.ts";
import { ActorMint } from "../../../../../node/core/version/actor.ts";
import { decodeMessage, type PeerRequest } from "../../../../../node/core/wire/messages.ts";
import { FORMED } from "../../../../../node/core/ring/ring-number.ts";
import { encodeReplicaRead, encodeStale, encodeStored } from "../../../../../node/core/wire/replies.ts";
import { ringOf } from "../ring/made-ring.ts";

/** A request that the coordinator sent to a peer; nobody has answered it yet. */
export interface SentRequest {
  readonly to: NodeId;
  readonly call: number;
  readonly request: PeerRequest;
}

const utf8 = new TextEncoder();
export const hash = new KeyedHash(
  new ClusterSecret([{ id: 1, bytes: new Uint8Array(32), retiredMs: undefined }], () => 0),
);
export const CART = { bucket: utf8.encode("carts"), key: utf8.encode("cart") };
const position = positionOf(CART, hash);

/**
 * One coordinator over the real peer calls and codecs. The test plays the network, the clock and this node's disk:
 * nothing is answered and no time passes unless it says so.
 */
export class CoordinatorRig implements ReplicaStore {
  /** Of the ring that it began with. */
  readonly list: PreferenceList;
  /** Later rings that a peer can give this node. */
  readonly fetchable: Ring[] = [];
  catchUp: (number: RingNumber) => Promise<void> = (number) => this.#catchUp(number);
  readonly self: NodeId;
  readonly coordinator: Coordinator;
  readonly calls: PeerCalls;
  readonly events: CoreEvent[] = [];
  readonly unreachable = new Set<NodeId>();
  /** Nodes of which this one believes that they lost data. */
  readonly recovering = new Set<NodeId>();
  readonly slow = new Set<NodeId>();
  /** Connected, but their windows are full. */
  readonly full = new Set<NodeId>();
  /** Answers of this node's own disk; replace them to make it slow or broken. */
  ownWrite: (write: CoordinatedWrite) => { merged: Promise<Merged>; durable: Promise<Stored> } = (write) => ({
    merged: Promise.resolve(mergedCopy(write, OWN_ACTOR)),
    durable: Promise.resolve({ ok: true }),
  });
  ownRead: (query: ReplicaQuery) => Promise<ReplicaRead> = async () => ({ status: "not_found" });
  readonly ownStored: IncomingRecord[] = [];
  readonly ownMarks: MissedByOwners[] = [];
  readonly probed: NodeId[] = [];
  oldestWriteMs = 0;
  mayAcknowledge = true;
  nowMs = 0;
  #ring: Ring;
  #routes: readonly PartitionRoutes[] = [];
  #sent: SentRequest[] = [];
  #timers: { atMs: number; run: () => void }[] = [];

  /** `at` names the node that coordinates by its place in the preference list of CART, owners first. */
  constructor({ at, ...about }: { at: number } & ({ members: readonly RingMember[] } | { ring: Ring })) {
    this.#ring = "ring" in about ? about.ring : ringOf(about);
    this.install(this.#ring);
    this.list = this.#routes[partitionOf(position, this.#ring.parameters.partitions)]!.read;
    this.self = this.node(at);

    const clock = { monotonicMs: () => this.nowMs, wallMs: () => 1_700_000_000_000 };
    const timers = {
      after: (delayMs: number, run: () => void) => this.#after(delayMs, run),
      soon: (run: () => void) => run(),
    };
    const observer = { event: (event: CoreEvent) => void this.events.push(event) };
    const isHealthy = (node: NodeId) => node === this.self || !this.unreachable.has(node);
    const transport = {
      send: (to: NodeId, message: Uint8Array) => this.#send(to, message),
      isConnected: isHealthy,
      onMessage: () => undefined,
      onPeer: () => undefined,
    };
    const random = { bytes: (length: number) => new Uint8Array(length), below: () => 7 };
    this.calls = new PeerCalls({ transport, clock, timers, observer, random, callsPerPeerMax: 100 });
    this.coordinator = new Coordinator({
      self: this.self,
      settings: defaultSettings,
      ring: {
        current: () => this.#ring,
        hash: () => "",
        preferenceList: (partition) => this.#routes[partition]!.read,
        routes: (partition) => this.#routes[partition]!,
        isMember: () => this.#ring.members.some(({ id }) => id === this.self),
        mayAcknowledge: () => this.mayAcknowledge,
        catchUp: (_, number) => this.catchUp(number),
      },
      store: this,
      calls: this.calls,
      clock,
      timers,
      hash,
      observer,
      isHealthy,
      isSlow: (node) => this.slow.has(node),
      probe: (node) => void this.probed.push(node),
      isVoter: (node) => !this.recovering.has(node),
    });
  }

  /** From now on this node serves this ring. */
  install(ring: Ring): void {
    this.#ring = ring;
    this.#routes = routesOf(ring);
  }

  async #catchUp(number: RingNumber): Promise<void> {
    if (compareRings(this.#ring, number) >= 0) return;
    const later = this.fetchable.find((ring) => compareRings(ring, number) >= 0);
    if (later !== undefined) this.install(later);
  }

  /** A request that another node hands on. */
  accept(from: NodeId, body: Uint8Array, planned: RingNumber = FORMED): Promise<Uint8Array> {
    return this.coordinator.acceptForwarded(from, body, planned);
  }

  /** The i-th node of the preference list: owners, then fallbacks. */
  node(i: number): NodeId {
    return [...this.list.owners, ...this.list.fallbacks][i]!;
  }

  put(text: string, options: Partial<RequestOptions> = {}) {
    const value = utf8.encode(text);
    const request = {
      ...CART,
      value,
      contentType: "text/plain",
      requestId: text,
      context: new Uint8Array(0),
    };
    return this.coordinator.put({ ...request, options: { ...noOptions, ...options } });
  }

  get(options: Partial<RequestOptions> = {}) {
    return this.coordinator.get({ ...CART, requestId: "get", options: { ...noOptions, ...options } });
  }

  delete(requestId: string, options: Partial<RequestOptions> = {}) {
    return this.coordinator.delete({
      ...CART,
      requestId,
      context: undefined,
      options: { ...noOptions, ...options },
    });
  }

  /** What was sent since the last look, once every promise that can go on has gone on. */
  async sent(): Promise<SentRequest[]> {
    await settled();
    return this.#sent.splice(0);
  }

  async reply({ to, call }: SentRequest, body: Uint8Array): Promise<void> {
    this.calls.replied(to, call, body);
    await settled();
  }

  async ack(request: SentRequest): Promise<void> {
    await this.reply(request, encodeStored({ ok: true }));
  }

  async refuse(request: SentRequest, theirs: RingNumber): Promise<void> {
    await this.reply(request, encodeStale(theirs));
  }

  async show(request: SentRequest, read: ReplicaRead): Promise<void> {
    await this.reply(request, encodeReplicaRead(read));
  }

  async advance(ms: number): Promise<void> {
    const endMs = this.nowMs + ms;
    for (;;) {
      await settled();
      const due = this.#timers.filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#timers.splice(this.#timers.indexOf(due), 1);
      this.nowMs = due.atMs;
      due.run();
    }
    this.nowMs = endMs;
  }

  coordinate(write: CoordinatedWrite) {
    return this.ownWrite(write);
  }

  async store(incoming: IncomingRecord): Promise<Stored> {
    this.ownStored.push(incoming);
    return { ok: true };
  }

  async mark(missed: MissedByOwners): Promise<Stored> {
    this.ownMarks.push(missed);
    return { ok: true };
  }

  read(query: ReplicaQuery): Promise<ReplicaRead> {
    return this.ownRead(query);
  }

  oldestWriteAgeMs(): number {
    return this.oldestWriteMs;
  }

  #send(to: NodeId, message: Uint8Array): boolean {
    if (this.unreachable.has(to) || this.full.has(to) || to === this.self) return false;
    const decoded = decodeMessage(message);
    if (decoded.kind === "request") this.#sent.push({ to, call: decoded.call, request: decoded.request });
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

const OWN_ACTOR = "00000000000000aa";
const PEER_ACTOR = "00000000000000bb";

/** What a sound disk makes of a write to a key that it does not know. */
function mergedCopy(write: CoordinatedWrite, databaseActor: string): Merged & { ok: true } {
  const limits = { siblingsMax: 100, recordBytesMax: 1_000_000 };
  const mint = new ActorMint(databaseActor);
  const applied = applyCoordinated({ state: "absent" }, write, { mint, limits, hash });
  if (applied.outcome === "refused") throw new Error(applied.message);
  return { ok: true, record: applied.record, dot: applied.dot };
}

interface ShownWrite {
  readonly text: string;
  readonly tombstone?: boolean;
  readonly requestId?: string;
  /** Writes of one actor have the same dot. */
  readonly actor?: string;
}

/** What a replica shows that holds nothing but one write to CART. */
export function shownCopy(
  { text, tombstone = false, requestId = text, actor = PEER_ACTOR }: ShownWrite,
  want: "record" | "digest",
): ReplicaRead {
  const value = utf8.encode(text);
  const write = { ...CART, position, tombstone, value, requestId, contentType: "", modifiedMs: 1 };
  const { record } = mergedCopy({ ...write, seen: new Uint8Array(0), keptFor: [] }, actor);
  return {
    status: "found",
    record: want === "record" ? record : undefined,
    digest: hash.md5(record),
    keptFor: [],
  };
}

const noOptions: RequestOptions = {
  r: undefined,
  w: undefined,
  pr: undefined,
  pw: undefined,
  timeoutMs: undefined,
};

function settled(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
