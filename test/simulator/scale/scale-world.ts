import type { DynamoNode } from "../../../node/core/dynamo-node.ts";
import { type NodeId, parseNodeId } from "../../../node/core/node-id.ts";
import type { CoreEvent } from "../../../node/core/ports/observer.ts";
import type { Ring } from "../../../node/core/ring/ring.ts";
import { defaultSettings } from "../../../node/core/settings.ts";
import { EventLoop } from "../world/event-loop.ts";
import { SeededRandom } from "../world/seeded-random.ts";
import { SimulatedHost } from "../world/simulated-host.ts";
import { type NetworkWeather, SimulatedNetwork } from "../world/simulated-network.ts";
import { MessageLedger } from "./message-ledger.ts";

/**
 * A cluster of many nodes for which time, network and disks are simulated, as shipped and in calm weather: default settings, one
 * network of three zones, nobody asks for a key. What it costs is counted, nothing is broken and no promise is checked.
 */
export interface ScaleOptions {
  readonly nodes: number;
  readonly seed: number;
  readonly partitions: number;
}

/** As between the zones of one region. */
const WEATHER: NetworkWeather = {
  kind: "connections",
  latencyMsMin: 0.3,
  latencyMsMax: 3,
  jitter: 0.05,
  lossRate: 0,
  duplicateRate: 0,
  windowBytes: 4 * 1024 * 1024,
};
const ZONES = 3;
const REPLICAS = 3;
/** A thousand nodes at rest have a million in some seconds. */
const EVENTS_MAX = 2_000_000_000;
const LOOK_MS = 10;

export class ScaleWorld {
  readonly loop: EventLoop;
  readonly messages = new MessageLedger();
  readonly hosts: readonly SimulatedHost[];
  readonly #options: ScaleOptions;
  readonly #random: SeededRandom;
  /** Of the ring that each node began to serve last. */
  readonly #epochs = new Map<NodeId, number>();

  constructor(options: ScaleOptions) {
    this.#options = options;
    this.#random = SeededRandom.ofSeed(options.seed).fork("scale");
    this.loop = new EventLoop(this.#random, EVENTS_MAX);
    const network = new SimulatedNetwork(this.loop, this.#random, WEATHER, {
      sent: (from, to, message) => this.messages.sent(from, to, message),
      disturbed: () => undefined,
      connected: () => undefined,
      received: () => undefined,
    });
    this.hosts = Array.from({ length: options.nodes }, (_, index) => this.#hostOf(index, network));
  }

  get nodes(): readonly DynamoNode[] {
    return this.hosts.map(({ node }) => node!);
  }

  /** The ring that this node serves. Throws before there is one. */
  ringOf(index: number): Ring {
    const ring = this.nodes[index]?.ring.current();
    if (ring === undefined) throw new Error(`node ${index} serves no ring`);
    return ring;
  }

  /** All start within a second, and each hears of each. */
  async boot(): Promise<void> {
    for (const host of this.hosts)
      this.loop.after(this.#random.fork("boot", host.id).between(0, 1_000), () => host.start());
    await this.loop.runUntil(1_000);
    await this.until("a connection of all with all", BOOT_MS_MAX, () => this.#isConnected());
  }

  /** The first ring; resolves once all serve it in the format that can change. */
  async form(): Promise<{ readonly formedMs: number; readonly raisedMs: number }> {
    const { partitions } = this.#options;
    const members = this.hosts.map(({ id }, index) => ({ id, zone: zoneOf(index) }));
    const parameters = { partitions, replicas: REPLICAS, hash: "md5", leafFormat: 1 } as const;
    const startedMs = this.loop.nowMs;
    let refusal: string | undefined;
    void this.nodes[0]!.ring.form({ clusterId: "scale", members, parameters }, FORM_TIMEOUT_MS).then(
      (outcome) => {
        if (!outcome.ok) refusal = outcome.message;
      },
    );
    const serve = (epoch: number) => (): boolean => {
      if (refusal !== undefined) throw new Error(`the ring was not formed: ${refusal}`);
      return this.serving(epoch) === this.hosts.length;
    };
    const formedMs = (await this.until("a formed ring", FORM_TIMEOUT_MS, serve(1))) - startedMs;
    const raisedMs = (await this.until("a raised ring", RAISE_MS_MAX, serve(2))) - startedMs;
    return { formedMs, raisedMs };
  }

  /** How many nodes serve this epoch or a later one. */
  serving(epoch: number): number {
    let count = 0;
    for (const served of this.#epochs.values()) if (served >= epoch) count += 1;
    return count;
  }

  /** Runs until it is so; resolves with the virtual time. Throws where it takes longer than `limitMs`. */
  async until(what: string, limitMs: number, isSo: () => boolean): Promise<number> {
    const endMs = this.loop.nowMs + limitMs;
    while (!isSo()) {
      if (this.loop.nowMs >= endMs) throw new Error(`${what}: not within ${limitMs} ms of virtual time`);
      await this.loop.runUntil(this.loop.nowMs + LOOK_MS);
    }
    return this.loop.nowMs;
  }

  async rest(durationMs: number): Promise<void> {
    await this.loop.runUntil(this.loop.nowMs + durationMs);
  }

  /** Whether each node has heard of each that it has this epoch or a later one: what a barrier of a change waits for. */
  isKnownEverywhere({ generation, epoch }: Ring): boolean {
    const ids = this.hosts.map(({ id }) => id);
    return this.nodes.every(({ membership }) =>
      ids.every((id) => membership.serves(id, { generation, epoch })),
    );
  }

  #isConnected(): boolean {
    return this.nodes.every(({ membership }) => this.hosts.every(({ id }) => membership.isHealthy(id)));
  }

  #hostOf(index: number, network: SimulatedNetwork): SimulatedHost {
    const id = nodeIdOf(index);
    const random = this.#random.fork("host", id);
    const clock = random.fork("quartz");
    return new SimulatedHost({
      id,
      zone: zoneOf(index),
      loop: this.loop,
      network,
      random,
      settings: defaultSettings,
      changesPerFold: undefined,
      quartz: { rate: clock.between(0.9999, 1.0001), wallOffsetMs: clock.between(-100, 100) },
      pipeDelayMsMax: 0.5,
      observer: { event: (event) => this.#observed(id, event) },
      hooks: { wrote: () => undefined, committing: () => undefined, commitFailed: () => undefined },
    });
  }

  #observed(id: NodeId, event: CoreEvent): void {
    if (event.kind === "ring_installed") this.#epochs.set(id, event.epoch);
  }
}

const BOOT_MS_MAX = 10_000;
const FORM_TIMEOUT_MS = 30_000;
const RAISE_MS_MAX = 120_000;

export function nodeIdOf(index: number): NodeId {
  return parseNodeId(`00000000-0000-4000-8000-${String(index + 1).padStart(12, "0")}`);
}

export function zoneOf(index: number): string {
  return `zone-${index % ZONES}`;
}
