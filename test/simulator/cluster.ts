import type { NodeId } from "../../node/core/node-id.ts";
import { decodeForwarded } from "../../node/core/coordinator/forwarding.ts";
import type { CoreEvent } from "../../node/core/ports/observer.ts";
import { partitionOf, positionOf } from "../../node/core/ring/position.ts";
import type { PartitionRoutes } from "../../node/core/ring/change/change-routes.ts";
import { compareRings, FORMED, type RingNumber } from "../../node/core/ring/ring-number.ts";
import type { PreferenceList } from "../../node/core/ring/ring.ts";
import { defaultSettings } from "../../node/core/settings.ts";
import { decodeMessage, KIND, kindOf } from "../../node/core/wire/messages.ts";
import type { CoverageMarks } from "./coverage-marks.ts";
import { markEvent } from "./event-marks.ts";
import { LateOrders } from "./late-orders.ts";
import { markMarkers } from "./marker-marks.ts";
import { RingWatch } from "./ring-watch.ts";
import type { Scenario } from "./scenario.ts";
import type { Violation } from "./violation.ts";
import { ComparisonLedger } from "./checkers/comparisons.ts";
import { ConvictionChecker } from "./checkers/convictions.ts";
import { GossipLedger } from "./checkers/gossip.ts";
import { DropLedger } from "./checkers/dropped-rows.ts";
import { HintLedger } from "./checkers/hints.ts";
import { LossLedger } from "./checkers/losses.ts";
import { MoveLedger } from "./checkers/moved-copies.ts";
import { RingLedger } from "./checkers/rings.ts";
import { SealLedger } from "./checkers/seals.ts";
import { placeOfKey } from "./checkers/durable-copies.ts";
import { ChangeParts } from "./change-parts.ts";
import { soundRecord } from "./checkers/sound-record.ts";
import { BUCKET } from "./workload/bucket.ts";
import { DotRegistry } from "./workload/dot-registry.ts";
import { History } from "./workload/history.ts";
import { simulatedHash } from "./world/simulated-hash.ts";
import { EventLoop } from "./world/event-loop.ts";
import { SeededRandom } from "./world/seeded-random.ts";
import { SimulatedHost } from "./world/simulated-host.ts";
import { SimulatedNetwork } from "./world/simulated-network.ts";
import type { Trace } from "./world/trace.ts";

const utf8 = new TextEncoder();

/**
 * One simulated world: the hosts, the wires, the virtual clock, and what is recorded of them. It decides nothing; the
 * nemesis breaks it, the clients use it, the checkers look at it.
 */
export class Cluster {
  readonly scenario: Scenario;
  readonly random: SeededRandom;
  readonly trace: Trace;
  readonly marks: CoverageMarks;
  readonly loop: EventLoop;
  readonly network: SimulatedNetwork;
  readonly hosts: readonly SimulatedHost[];
  readonly registry: DotRegistry;
  readonly history = new History();
  readonly hints = new HintLedger({
    host: (node) => this.host(node),
    hasLost: (node) => this.#destroyedMs.has(node),
    setsLately: (keeper, place) => this.#ringWatch.setsLately(keeper, place),
    violated: (kind, detail) => this.violated(kind, detail),
  });
  readonly #comparisons = new ComparisonLedger({
    host: (node) => this.host(node),
    keys: () => this.history.keys(),
    preferenceList: (key) => this.preferenceList(key),
    // An exchange is of the ring that it began with; which that was cannot be seen from here.
    isSpoilt: (node) => this.changesRing || this.#destroyedMs.has(node) || this.treeSpoilt.has(node),
    violated: (kind, detail) => this.violated(kind, detail),
    concurrent: () => this.marks.hit("anti-entropy merged concurrent copies"),
  });
  readonly seals = new SealLedger({
    hosts: () => this.hosts,
    violated: (kind, detail) => this.violated(kind, detail),
    changesRing: () => this.changesRing,
    writtenAgain: () => this.marks.hit("key written after it was sealed"),
  });
  readonly rings = new RingLedger();
  readonly moves: MoveLedger;
  readonly #drops = new DropLedger({
    host: (node) => this.host(node),
    hasLost: (node) => this.#destroyedMs.has(node),
    ownersFor: (dropper, place) => [
      ...this.#ringWatch.setsLately(dropper, place).map((sets) => sets.flat()),
      ...this.#ownersOfPlace(place),
    ],
    violated: (kind, detail) => this.violated(kind, detail),
  });
  readonly losses: LossLedger = new LossLedger({
    hosts: () => this.hosts,
    host: (node) => this.host(node),
    keys: () => this.history.keys(),
    dotsOf: (key) => this.registry.all(key),
    preferenceList: (key) => this.preferenceList(key),
    hasLost: (node) => this.#destroyedMs.has(node),
    ringNow: () => this.servedRings()[0]?.node?.ring.hash() ?? "",
    isCalmSince: (durationMs) => this.isCalmSince(durationMs),
    isTreeSpoilt: (node) => this.treeSpoilt.has(node),
    violated: (kind, detail) => this.violated(kind, detail),
    checked: () => this.marks.hit("recovered copies checked"),
  });
  readonly #gossip = new GossipLedger();
  /** Hosts on whose disk a row was lost or a leaf rotted: their trees are wrong until a scrub has passed. */
  readonly treeSpoilt = new Set<NodeId>();
  /** Hosts on whose disk a row of data.db rotted: until it is found, it is counted as what it was. */
  readonly rowsRotten = new Set<NodeId>();
  readonly violations: Violation[] = [];
  readonly #parts = new ChangeParts();
  readonly #lateOrders = new LateOrders(this);
  readonly #ringWatch = new RingWatch(this);
  readonly #ids: readonly NodeId[];
  readonly #disturbedMs = new Map<NodeId, number>();
  readonly #destroyedMs = new Map<NodeId, number>();
  readonly #preferenceLists = new Map<string, PreferenceList>();
  readonly #convictions = new ConvictionChecker((kind, detail) => this.violated(kind, detail));
  #requestsUntilMs = 0;
  #onCommitting: (host: SimulatedHost, durationMs: number) => void = () => undefined;

  constructor(scenario: Scenario, trace: Trace, marks: CoverageMarks) {
    this.scenario = scenario;
    this.#ids = scenario.nodes.map(({ id }) => id);
    this.random = SeededRandom.ofSeed(scenario.seed);
    this.trace = trace;
    this.marks = marks;
    this.loop = new EventLoop(this.random);
    this.registry = new DotRegistry(
      () => this.loop.nowMs,
      ({ kind, detail }) => this.violated(kind, detail),
    );
    this.moves = new MoveLedger({
      ...scenario,
      host: (node) => this.host(node),
      keys: () => this.history.keys(),
      hasLost: (node) => this.#destroyedMs.has(node),
      violated: (kind, detail) => this.violated(kind, detail),
      checked: () => this.marks.hit("moved copies checked"),
    });
    this.network = new SimulatedNetwork(this.loop, this.random, scenario.weather, {
      sent: (from, to, message) => this.#sent(from, to, message),
      disturbed: (what, nodes) => {
        if (what === "connection lost" || what === "message lost or doubled") marks.hit(what);
        this.disturbed(what, nodes);
      },
      connected: (from, to) => {
        trace.line(this.loop.nowMs, `${from.slice(-2)} is connected to ${to.slice(-2)}`);
        this.#convictions.heard(this.host(from), to);
      },
      received: (from, to) => this.#convictions.heard(this.host(to), from),
    });
    this.hosts = scenario.nodes.map((node) => this.#hostOf(node));
  }

  get changesRing(): boolean {
    return this.scenario.spares !== undefined;
  }

  get hasSeals(): boolean {
    return this.scenario.restMs !== undefined;
  }

  /** A request was handed to a node, which may work on it until then. */
  requested(untilMs: number): void {
    this.#requestsUntilMs = Math.max(this.#requestsUntilMs, untilMs);
  }

  /** From then on nothing happens that a client or a fault has set in motion before. */
  get settledAtMs(): number {
    const pausedUntilMs = this.hosts.map(({ incarnation }) => incarnation?.pausedUntilMs ?? 0);
    return Math.max(this.#requestsUntilMs, this.network.latestArrivalMs, ...pausedUntilMs);
  }

  onCommitting(handler: (host: SimulatedHost, durationMs: number) => void): void {
    this.#onCommitting = handler;
  }

  violated(kind: Violation["kind"], detail: string): void {
    this.trace.line(this.loop.nowMs, `VIOLATION ${kind}: ${detail}`);
    if (this.violations.length < 20) this.violations.push({ kind, atMs: this.loop.nowMs, detail });
  }

  /** Something happened to these nodes that may lose them a message or an answer. */
  disturbed(what: string, nodes: readonly NodeId[]): void {
    for (const node of nodes) this.#disturbedMs.set(node, this.loop.nowMs);
    this.trace.line(this.loop.nowMs, `${what}: ${nodes.map((node) => node.slice(-2)).join(" ")}`);
  }

  /** Whether the node was up, connected and intact ever since: whoever asked it must have waited for its answer. */
  isUndisturbedSince(node: NodeId, sinceMs: number): boolean {
    const pausedUntilMs = this.host(node).incarnation?.pausedUntilMs ?? Infinity;
    if ((this.#disturbedMs.get(node) ?? -1) >= sinceMs || pausedUntilMs >= sinceMs) return false;
    return this.#destroyedMs.get(node) === undefined && this.network.isReachable(node);
  }

  /** Whether all nodes were up, connected and undisturbed for so long. */
  isCalmSince(durationMs: number): boolean {
    const sinceMs = this.loop.nowMs - durationMs;
    return this.hosts.every(
      ({ id, incarnation }) =>
        (this.#disturbedMs.get(id) ?? -1) < sinceMs &&
        (incarnation?.pausedUntilMs ?? Infinity) < sinceMs &&
        this.network.isReachable(id),
    );
  }

  /** Whether every node that is up believes that it answers. */
  isBelievedUp(node: NodeId): boolean {
    return this.hosts.every((host) => host.node?.membership.isHealthy(node) ?? true);
  }

  /** Whether every node that is up takes its answers for votes: it has lost nothing, and they have all heard so. */
  isVoter(node: NodeId): boolean {
    return this.hosts.every((host) => host.node?.recovery.isVoter(node) ?? true);
  }

  /** The survivors of a lost majority go on with a ring of their own. */
  recovered(): void {
    this.marks.hit("ring recovered");
    this.moves.end();
  }

  /** A host that runs is about to crash: which part it had in a change of the ring. */
  falls(host: SimulatedHost): void {
    if (this.changesRing) for (const mark of this.#parts.of(host, this.loop.nowMs)) this.marks.hit(mark);
  }

  /** Some of this host's durable copies are gone. */
  destroyed(host: SimulatedHost): void {
    this.#destroyedMs.set(host.id, this.loop.nowMs);
    this.disturbed("copies destroyed", [host.id]);
  }

  /** Virtual time of the host's last loss of copies, undefined where it never lost any. */
  destroyedMs(node: NodeId): number | undefined {
    return this.#destroyedMs.get(node);
  }

  /** Rings that nodes which are up serve, the latest first. */
  servedRings(): readonly SimulatedHost[] {
    const served = new Map<string, SimulatedHost>();
    for (const host of this.hosts) {
      const ring = host.node?.ring;
      if (ring?.current() !== undefined && !served.has(ring.hash())) served.set(ring.hash(), host);
    }
    return [...served.values()].sort((a, b) => compareRings(ringOf(b), ringOf(a)));
  }

  /** Where reads of a key go, and writes, by the ring that this host serves. */
  routesAt(host: SimulatedHost, key: string): PartitionRoutes {
    const position = positionOf({ bucket: BUCKET, key: utf8.encode(key) }, simulatedHash);
    return host.node!.ring.routes(partitionOf(position, this.scenario.partitions));
  }

  /** Owners and stand-ins of a key: in the formed ring, or, where it changes, in the latest that is served. */
  preferenceList(key: string): PreferenceList {
    if (this.changesRing) {
      const [latest] = this.servedRings();
      if (latest !== undefined) this.#preferenceLists.set(key, this.routesAt(latest, key).read);
    }
    let list = this.#preferenceLists.get(key);
    if (list === undefined) {
      const node = this.hosts.find((host) => host.node?.ring.current() !== undefined)?.node;
      if (node === undefined) throw new Error("no node that is up has a ring");
      const position = positionOf({ bucket: BUCKET, key: utf8.encode(key) }, simulatedHash);
      list = node.ring.preferenceList(partitionOf(position, this.scenario.partitions));
      this.#preferenceLists.set(key, list);
    }
    return list;
  }

  /** Who takes part in writes of a key, by each ring that is served. */
  ownerSets(key: string): (readonly NodeId[])[] {
    return this.servedRings().map((host) => this.routesAt(host, key).write.owners);
  }

  #ownersOfPlace(place: string): (readonly NodeId[])[] {
    const key = this.scenario.keys.find((each) => placeOfKey(each) === place);
    return key === undefined ? [] : this.ownerSets(key);
  }

  host(id: NodeId): SimulatedHost {
    return this.hosts.find((host) => host.id === id)!;
  }

  #hostOf({ id, zone }: Scenario["nodes"][number]): SimulatedHost {
    const { scenario, loop, network, registry, trace, marks } = this;
    const random = this.random.fork("host", id);
    const clock = random.fork("quartz");
    const host: SimulatedHost = new SimulatedHost({
      id,
      zone,
      loop,
      network,
      random,
      settings: {
        ...defaultSettings,
        sealIntervalMs: 0,
        readQuorum: scenario.readQuorum,
        writeQuorum: scenario.writeQuorum,
        requestTimeoutMs: scenario.requestTimeoutMs,
        ...scenario.settings,
      },
      changesPerFold: scenario.changesPerFold,
      quartz: {
        rate: clock.between(1 - scenario.clockDrift, 1 + scenario.clockDrift),
        wallOffsetMs: clock.between(-5_000, 5_000),
      },
      pipeDelayMsMax: scenario.pipeDelayMsMax,
      observer: { event: (event) => this.#observed(id, event) },
      hooks: {
        wrote: (row) => {
          if (row.keptFor.length > 0 && row.mine.length > 0) marks.hit("stand-in coordinated");
          // A row that rotted may be written back with another list of owners, as rotten as it was.
          const record = soundRecord(row);
          if (record !== undefined) registry.stored(record);
        },
        committing: (durationMs) => {
          trace.line(loop.nowMs, `${id.slice(-2)} commits for ${durationMs.toFixed(3)} ms`);
          this.hints.committing(host, loop.nowMs);
          this.#onCommitting(host, durationMs);
        },
        commitFailed: () => {
          marks.hit("commit failed");
          trace.line(loop.nowMs, `a commit fails at ${id.slice(-2)}`);
        },
      },
    });
    host.disk.data.onSynced = (changes) => {
      if (this.hasSeals) this.seals.dataDurable(host, changes);
      this.#drops.dataDurable(host, changes);
      this.hints.dataDurable(host, changes, loop.nowMs);
      this.#comparisons.dataDurable(host, changes, loop.nowMs);
    };
    host.disk.hints.onSynced = (changes) => {
      markMarkers(host, changes, marks);
      if (this.hasSeals) this.seals.hintsDurable(host, changes);
      this.hints.hintsDurable(host, changes, loop.nowMs);
    };
    return host;
  }

  #sent(from: NodeId, to: NodeId, message: Uint8Array): void {
    this.trace.line(
      this.loop.nowMs,
      `${from.slice(-2)} -> ${to.slice(-2)} kind ${message[0]}, ${message.length} bytes`,
    );
    this.trace.bytes(message);
    if (kindOf(message) !== KIND.reply) this.#convictions.asks(this.host(from), to);
    this.registry.sent(message);
    if (this.changesRing) this.#parts.sent(this.host(from), message, this.loop.nowMs);
    if (this.hasSeals && this.seals.sent(message)) this.#lateOrders.given(from, to);
    if (kindOf(message) === KIND.forward) this.#forwarded(from, message);
  }

  /** Only a node that a client asked hands a write on: whoever it was handed to keeps it. */
  #forwarded(from: NodeId, message: Uint8Array): void {
    const decoded = decodeMessage(message);
    if (decoded.kind !== "request" || decoded.request.kind !== "forward") return;
    const { operation, request } = decodeForwarded(decoded.request.body);
    const write = this.history.write(request.requestId);
    if (operation === "get" || write === undefined || write.asked.has(from)) return;
    const detail = `${write.id} was handed on by ${from.slice(-2)}, which no client had asked`;
    this.violated("forwarded_twice", detail);
  }

  /** From now on `by` asks others, and waits no longer for the peer. */
  #believedDown(by: NodeId, peer: NodeId, reason: string): void {
    this.disturbed(`believed down by ${by.slice(-2)}, ${reason}`, [peer]);
    if (reason === "silent") this.#convictions.convicted(this.host(by), peer);
  }

  /** I13, one half: only a node that lost copies may think so, or restarts would cost votes. */
  #foundLoss(id: NodeId, reason: string): void {
    if (this.#destroyedMs.has(id)) this.marks.hit("loss found");
    else if (this.rings.everLost(id)) this.marks.hit("ring found lost");
    else this.violated("loss_made_up", `${id.slice(-2)} lost nothing and is recovering: ${reason}`);
  }

  #observed(id: NodeId, event: CoreEvent): void {
    this.trace.line(this.loop.nowMs, `${id.slice(-2)} ${event.kind}`);
    markEvent(event, this.marks, this.scenario);
    if (event.kind === "peer_down") this.#believedDown(id, event.peerId as NodeId, event.reason);
    // It starts anew on empty databases, as of a node that the ring lists no more, whatever rotted in them.
    if (event.kind === "copies_given_up") this.destroyed(this.host(id));
    if (event.kind === "recovery_started") this.#foundLoss(id, event.reason);
    if (event.kind === "recovery_finished") this.losses.recovered(id);
    if (event.kind === "antientropy_exchanged") this.#comparisons.exchanged(id, event, this.loop.nowMs);
    if (event.kind === "ring_installed" && this.rings.hasLost(id)) this.marks.hit("ring learnt from a peer");
    if (event.kind === "ring_installed" && this.changesRing) this.#ringWatch.installed(this.host(id));
    const wrong =
      event.kind === "ring_installed"
        ? this.rings.installed(id, event, event.hash)
        : event.kind === "gossip_finished"
          ? this.#gossip.look(this.host(id), this.#ids)
          : undefined;
    if (wrong !== undefined) this.violated(wrong.kind, wrong.detail);
  }
}

function ringOf({ node }: SimulatedHost): RingNumber {
  return node?.ring.current() ?? FORMED;
}
