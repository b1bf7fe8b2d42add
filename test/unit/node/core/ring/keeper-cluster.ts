import { md5Digester } from "../../../../../node/adapters/md5.ts";
import type { NodeId } from "../../../../../node/core/node-id.ts";
import type { ControlCalls, ControlMessage } from "../../../../../node/core/ports/control-calls.ts";
import type { CoreEvent } from "../../../../../node/core/ports/observer.ts";
import type { RingStore } from "../../../../../node/core/ports/ring-store.ts";
import type { FormOutcome } from "../../../../../node/core/ring/formation.ts";
import { RingGovernance } from "../../../../../node/core/ring/ring-governance.ts";
import { RingKeeper } from "../../../../../node/core/ring/ring-keeper.ts";
import type { Formation } from "../../../../../node/core/ring/ring-document.ts";
import { ELASTIC, isStoreLost } from "../../../../../node/core/ring/ring-upkeep.ts";
import { nodeId } from "./made-ring.ts";
import { seededRandom } from "./seeded.ts";

/**
 * Ring keepers wired together in memory. Messages travel as JSON; every message and every save is a step, and
 * a test may make any step fail: lose the question or the answer, or crash a node before or after a save is durable.
 */
export type Fault = "lose_question" | "lose_answer" | "crash_before" | "crash_after";
export type FaultPlan = (step: Step) => Fault | undefined;

export interface Step {
  /** From 0, over all nodes. */
  readonly number: number;
  readonly kind: "message" | "save";
  /** The sender, or the node that saves. */
  readonly node: NodeId;
  /** The receiver of a message. */
  readonly to?: NodeId;
}

export const DEPARTED_AWAY_MS_MAX = 86_400_000;

interface Disk {
  bytes: Uint8Array | undefined;
  failure: string | undefined;
}

export class KeeperCluster {
  readonly ids: readonly NodeId[];
  readonly zones: readonly string[];
  readonly events: { node: NodeId; event: CoreEvent }[] = [];
  /** Digests of every ring ever served. */
  readonly served = new Set<string>();
  steps = 0;
  /** All that were sent since this was last emptied. */
  readonly messages: Pick<Step, "node" | "to">[] = [];
  faults: FaultPlan = () => undefined;
  readonly #disks = new Map<NodeId, Disk>();
  /** Whether data.db says what a node was told that it lost. */
  lossKept = Promise.resolve(true);
  /** Who was about to store a first ring that it had not accepted. */
  readonly adoptions: NodeId[] = [];
  readonly #alive = new Map<NodeId, RingKeeper>();
  readonly random = seededRandom(1);
  /** What each node's release can do. */
  readonly features = new Map<NodeId, readonly string[]>();
  /** Those that say, while they are no members, that they keep copies. */
  readonly keepCopies = new Set<NodeId>();
  /** For how long whoever is down has been so. */
  awayMs = 0;
  #nowMs = 0;
  readonly #governance = new Map<NodeId, RingGovernance>();

  constructor(count: number, zones: readonly string[] = new Array<string>(count).fill("")) {
    this.ids = Array.from({ length: count }, (_, n) => nodeId(n));
    this.zones = zones;
    for (const id of this.ids) {
      this.#disks.set(id, { bytes: undefined, failure: undefined });
      this.start(id);
    }
  }

  keeper(n: number): RingKeeper {
    return this.#alive.get(this.ids[n]!)!;
  }

  governance(n: number): RingGovernance {
    return this.#governance.get(this.ids[n]!)!;
  }

  disk(n: number): Disk {
    return this.#disks.get(this.ids[n]!)!;
  }

  isAlive(n: number): boolean {
    return this.#alive.has(this.ids[n]!);
  }

  request(members: readonly number[], clusterId = "test"): Formation {
    return {
      clusterId,
      members: members.map((n) => ({ id: this.ids[n]!, zone: this.zones[n]! })),
      parameters: { partitions: 16, replicas: 3, hash: "md5", leafFormat: 1 },
    };
  }

  /** Resolves with undefined where the node crashed before it had an outcome. */
  async form(n: number, request: Formation): Promise<FormOutcome | undefined> {
    let outcome: FormOutcome | undefined;
    void this.keeper(n)
      .form(request, 1_000)
      .then((settled) => (outcome = settled));
    await drain();
    return outcome;
  }

  /** Starts the node on what its disk holds. */
  start(id: NodeId): void {
    const isThisLife = (): boolean => this.#alive.get(id) === keeper;
    const disk = this.#disks.get(id)!;
    const keeper = new RingKeeper({
      self: id,
      zone: this.zones[this.ids.indexOf(id)]!,
      store: this.#storeOf(id, isThisLife),
      calls: this.#callsOf(id, isThisLife),
      directory: { peers: () => this.#peersOf(id) },
      hash: md5Digester,
      random: this.random,
      observer: { event: (event) => this.#observe(id, event) },
      beforeFirstRing: (adopted) => {
        this.adoptions.push(...(adopted ? [id] : []));
        return this.lossKept;
      },
      isStoreLost: (member, ring) => isStoreLost(ring, member, this.#entry(member)),
    });
    this.#alive.set(id, keeper);
    this.#governance.set(id, this.#governanceOf(id, keeper, isThisLife));
    keeper.load();
    disk.failure = undefined;
  }

  #callsOf(from: NodeId, isThisLife: () => boolean): ControlCalls {
    return { call: (to, message) => this.#carry({ from, to, message }, isThisLife) };
  }

  /** Everybody has heard at once what everybody says of itself. */
  #governanceOf(self: NodeId, ring: RingKeeper, isThisLife: () => boolean): RingGovernance {
    return new RingGovernance({
      self,
      ring,
      membership: {
        entry: (id) => this.#entry(id),
        isHealthy: (id) => this.#alive.has(id),
        awayMs: (id) => (this.#alive.has(id) ? 0 : this.awayMs),
      },
      departedAwayMsMax: DEPARTED_AWAY_MS_MAX,
      observer: { event: (event) => this.#observe(self, event) },
      calls: this.#callsOf(self, isThisLife),
      clock: { monotonicMs: () => this.#nowMs, wallMs: () => this.#nowMs },
      timers: { after: (delayMs, run) => this.#after(delayMs, run), soon: (run) => run() },
      random: this.random,
      hash: md5Digester,
    });
  }

  #entry(id: NodeId) {
    const keeper = this.#alive.get(id);
    return {
      zone: this.zones[this.ids.indexOf(id)]!,
      features: this.features.get(id) ?? [ELASTIC],
      ringStore: keeper?.ringStore(),
      ring: keeper?.current(),
      keepsCopies: keeper?.isMember() === true ? undefined : this.keepCopies.has(id),
    };
  }

  /** Time goes by in ticks. */
  #after(delayMs: number, run: () => void): () => void {
    let isCancelled = false;
    void drain(Math.ceil(delayMs / TICK_MS)).then(() => {
      this.#nowMs += delayMs;
      if (!isCancelled) run();
    });
    return () => (isCancelled = true);
  }

  crash(id: NodeId): void {
    this.#alive.delete(id);
  }

  /** Restarts whoever is down. */
  restartAll(): void {
    for (const id of this.ids) if (!this.#alive.has(id)) this.start(id);
  }

  /** Every pair meets. */
  async connectAll(): Promise<void> {
    for (const a of this.ids) for (const b of this.ids) if (a !== b) this.#alive.get(a)?.peerConnected(b);
    await drain();
  }

  /** Digest that each node serves; empty for those that serve none or are down. */
  hashes(): string[] {
    return this.ids.map((id) => this.#alive.get(id)?.hash() ?? "");
  }

  /** Every node has everything done that is due and that nobody asks for. */
  async keepUp(): Promise<void> {
    for (const id of this.ids) if (this.#alive.has(id)) await this.#governance.get(id)!.keepUp();
    await drain();
  }

  /** What each node keeps: "none", "proposed", "serving", or "down". */
  states(): string[] {
    return this.ids.map((id) => this.#alive.get(id)?.kept().state ?? "down");
  }

  #observe(node: NodeId, event: CoreEvent): void {
    this.events.push({ node, event });
    if (event.kind === "ring_installed") this.served.add(event.hash);
  }

  #peersOf(self: NodeId) {
    return this.ids
      .filter((id) => id !== self)
      .map((id) => ({
        id,
        address: "",
        clientAddress: "",
        zone: this.zones[this.ids.indexOf(id)]!,
        version: "0",
        connected: this.#alive.has(id),
      }));
  }

  #storeOf(id: NodeId, isThisLife: () => boolean): RingStore {
    const disk = this.#disks.get(id)!;
    return {
      load: () => disk.bytes,
      save: async (bytes) => {
        if (disk.failure !== undefined) throw new Error(disk.failure);
        const fault = this.#nextFault({ kind: "save", node: id });
        await tick();
        if (fault === "crash_before") this.crash(id);
        if (!isThisLife()) return forever();
        disk.bytes = bytes;
        if (fault === "crash_after") this.crash(id);
        return isThisLife() ? undefined : forever();
      },
    };
  }

  async #carry(
    { from, to, message }: { from: NodeId; to: NodeId; message: ControlMessage },
    isThisLife: () => boolean,
  ): Promise<ControlMessage | undefined> {
    if (!isThisLife()) return forever();
    this.messages.push({ node: from, to });
    const fault = this.#nextFault({ kind: "message", node: from, to });
    const packed = JSON.stringify(message);
    await tick();
    const receiver = this.#alive.get(to);
    if (fault === "lose_question" || receiver === undefined) return isThisLife() ? undefined : forever();
    const answer = await Promise.race([
      receiver.handleControl(from, JSON.parse(packed) as ControlMessage),
      this.#death(to, receiver),
    ]);
    await tick();
    if (!isThisLife()) return forever();
    return fault === "lose_answer" || answer === undefined
      ? undefined
      : (JSON.parse(JSON.stringify(answer)) as ControlMessage);
  }

  /** Resolves once this life of a node is over: its caller then runs into its timeout. */
  async #death(id: NodeId, keeper: RingKeeper): Promise<undefined> {
    for (let i = 0; i < TICKS && this.#alive.get(id) === keeper; i++) await tick();
    return undefined;
  }

  #nextFault(step: Omit<Step, "number">): Fault | undefined {
    return this.faults({ ...step, number: this.steps++ });
  }
}

const TICKS = 20;
const TICK_MS = 100;

function tick(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Long enough for every chain of messages and saves that one event can start. */
export async function drain(ticks = 150): Promise<void> {
  for (let i = 0; i < ticks; i++) await tick();
}

/** What a crashed process awaits. */
function forever<T>(): Promise<T> {
  return new Promise<T>(() => undefined);
}
