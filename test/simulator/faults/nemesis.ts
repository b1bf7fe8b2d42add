import type { NodeId } from "../../../node/core/node-id.ts";
import { DESTRUCTIVE_FAULTS, type FaultKind } from "../scenario.ts";
import type { Cluster } from "../cluster.ts";
import type { SeededRandom } from "../world/seeded-random.ts";
import { type DatabaseFile, emptyFile } from "../world/simulated-disk.ts";
import type { SimulatedHost } from "../world/simulated-host.ts";

const DAY_MS = 86_400_000;

/**
 * Makes the scenario's faults happen, one after another, until it is told to stop. The n-th fault depends on the seed
 * and on n alone. Faults that destroy acknowledged copies stay on the fragile hosts (see Scenario.fragile).
 */
export class Nemesis {
  readonly #cluster: Cluster;
  readonly #random: SeededRandom;
  readonly #kinds: readonly FaultKind[];
  #count = 0;
  #commits = 0;
  #stopped = false;

  constructor(cluster: Cluster, random: SeededRandom) {
    this.#cluster = cluster;
    this.#random = random.fork("nemesis");
    const fragile = cluster.scenario.fragile.size > 0;
    this.#kinds = [...cluster.scenario.faults].filter(
      (kind) => kind !== "crash_in_commit" && (fragile || !DESTRUCTIVE_FAULTS.has(kind)),
    );
  }

  start(): void {
    if (this.#kinds.length > 0) this.#next();
  }

  /** No more faults: the netsplits end, the disks recover, every machine comes up. */
  stop(): void {
    this.#stopped = true;
    this.#cluster.network.heal();
    this.#cluster.network.endWeather();
    for (const host of this.#cluster.hosts) {
      host.disk.fullUntilMs = 0;
      host.disk.failingCommits = 0;
      host.disk.slowUntilMs = 0;
      host.start();
    }
  }

  /** A commit begins at this host: now and then its end is never reached. */
  committing(host: SimulatedHost, durationMs: number): void {
    const { scenario, loop } = this.#cluster;
    if (this.#stopped || !scenario.faults.has("crash_in_commit")) return;
    const luck = this.#random.fork("commit", ++this.#commits);
    if (!luck.chance(0.02)) return;
    const everywhere = scenario.faults.has("power_loss_everywhere") && luck.chance(0.3);
    loop.after(durationMs * luck.unit(), () => {
      if (this.#stopped) return;
      this.#cluster.marks.hit("crash in commit");
      if (everywhere) this.#powerLossEverywhere(luck);
      else this.#crash(host, luck.pick(["kill", "power"]), luck);
    });
  }

  #next(): void {
    const luck = this.#random.fork("fault", ++this.#count);
    this.#cluster.loop.after(luck.skewed(10, this.#cluster.scenario.faultEveryMs * 4), () => {
      if (this.#stopped) return;
      this.#strike(luck.pick(this.#kinds), luck);
      this.#next();
    });
  }

  #strike(kind: FaultKind, luck: SeededRandom): void {
    const { hosts, fragileHosts, loop, marks, trace } = this.#cluster;
    const host = luck.pick(DESTRUCTIVE_FAULTS.has(kind) ? fragileHosts : hosts);
    trace.line(loop.nowMs, `fault ${kind} at ${host.id.slice(-2)}`);
    switch (kind) {
      case "netsplit":
        return this.#netsplit(luck);
      case "one_way_netsplit":
        return this.#oneWayNetsplit(host.id, luck);
      case "isolation":
        return this.#isolate(host.id, luck);
      case "clog":
        return this.#clog(host.id, luck);
      case "kill":
        marks.hit("node killed");
        return this.#crash(host, "kill", luck);
      case "power_loss":
        marks.hit("power lost at one node");
        return this.#crash(host, "power", luck);
      case "power_loss_everywhere":
        return this.#powerLossEverywhere(luck);
      case "pause":
        marks.hit("process paused");
        this.#cluster.disturbed("process paused", [host.id]);
        return host.pause(luck.skewed(20, 3_000));
      case "wall_jump":
        marks.hit("wall clock jumped");
        host.quartz.wallOffsetMs += luck.between(-30 * DAY_MS, 30 * DAY_MS);
        return;
      case "slow_disk":
      case "disk_full":
      case "failing_commit":
        return this.#ailingDisk(kind, host, luck);
      case "rotten_leaf":
        return this.#rotLeaf(host, luck);
      case "rotten_row":
      case "lost_row":
        return this.#spoilRow(kind, host, luck);
      case "lost_database":
      case "old_snapshot":
        return this.#replaceDatabase(kind, host, luck);
      case "crash_in_commit":
        return;
    }
  }

  #netsplit(luck: SeededRandom): void {
    const { hosts, marks } = this.#cluster;
    if (hosts.length < 2) return;
    const shuffled = luck.shuffled(hosts.map(({ id }) => id));
    const cut = 1 + luck.below(hosts.length - 1);
    marks.hit("netsplit");
    this.#split(shuffled.slice(0, cut), shuffled.slice(cut), luck);
  }

  #isolate(node: NodeId, luck: SeededRandom): void {
    const { hosts, marks } = this.#cluster;
    if (hosts.length < 2) return;
    marks.hit("node isolated");
    const others = hosts.map(({ id }) => id).filter((id) => id !== node);
    this.#split([node], others, luck);
  }

  #split(left: readonly NodeId[], right: readonly NodeId[], luck: SeededRandom): void {
    const { network } = this.#cluster;
    for (const one of left) {
      for (const other of right) {
        network.block(one, other);
        network.block(other, one);
      }
    }
    this.#healLater(luck);
  }

  #oneWayNetsplit(node: NodeId, luck: SeededRandom): void {
    const { hosts, network, marks } = this.#cluster;
    const others = luck.shuffled(hosts.map(({ id }) => id).filter((id) => id !== node));
    if (others.length === 0) return;
    const deaf = luck.chance(0.5);
    marks.hit("one-way netsplit");
    for (const other of others.slice(0, 1 + luck.below(others.length))) {
      if (deaf) network.block(other, node);
      else network.block(node, other);
    }
    this.#healLater(luck);
  }

  #healLater(luck: SeededRandom): void {
    this.#cluster.loop.after(luck.skewed(100, 5_000), () => this.#cluster.network.heal());
  }

  /** Not a disturbance: nothing is lost, and nobody may take late for absent before the deadline. */
  #clog(node: NodeId, luck: SeededRandom): void {
    const { hosts, network, marks, loop } = this.#cluster;
    const untilMs = loop.nowMs + luck.skewed(50, 5_000);
    for (const { id } of hosts) {
      if (id === node || luck.chance(0.3)) continue;
      marks.hit("link clogged");
      network.clog(id, node, untilMs);
    }
  }

  #crash(host: SimulatedHost, kind: "kill" | "power", luck: SeededRandom): void {
    this.#fell(host, kind);
    this.#cluster.loop.after(luck.skewed(20, 4_000), () => host.start());
  }

  #fell(host: SimulatedHost, kind: "kill" | "power"): void {
    const { loop, marks, trace } = this.#cluster;
    if (host.incarnation === undefined) return;
    this.#cluster.disturbed("crash", [host.id]);
    const outcomes = host.crash(kind);
    trace.line(loop.nowMs, `${kind} ${host.id.slice(-2)} ${outcomes.join(" ")}`);
    for (const survived of outcomes) {
      marks.hit(survived ? "crash in commit, commit survived" : "crash in commit, commit lost");
    }
  }

  #powerLossEverywhere(luck: SeededRandom): void {
    this.#cluster.marks.hit("power lost everywhere");
    for (const host of this.#cluster.hosts) this.#crash(host, "power", luck);
  }

  #ailingDisk(
    kind: "slow_disk" | "disk_full" | "failing_commit",
    host: SimulatedHost,
    luck: SeededRandom,
  ): void {
    const { loop } = this.#cluster;
    if (kind === "failing_commit") host.disk.failingCommits = 1 + luck.below(3);
    if (kind === "disk_full") {
      this.#cluster.marks.hit("disk full");
      host.disk.fullUntilMs = loop.nowMs + luck.skewed(50, 2_000);
    }
    if (kind === "slow_disk") {
      host.disk.slowness = luck.between(5, 200);
      host.disk.slowUntilMs = loop.nowMs + luck.skewed(100, 3_000);
    }
  }

  #spoilRow(kind: "rotten_row" | "lost_row", host: SimulatedHost, luck: SeededRandom): void {
    const file = this.#fileOf(host, luck);
    const places = [...file.rows.keys()].sort();
    if (places.length === 0) return;
    this.#cluster.destroyed(host);
    this.#cluster.marks.hit(kind === "rotten_row" ? "row rotten" : "row lost");
    if (kind === "rotten_row") file.flipBit(luck.pick(places), luck);
    else file.loseRow(luck.pick(places));
    this.#cluster.treeSpoilt.add(host.id);
  }

  #rotLeaf(host: SimulatedHost, luck: SeededRandom): void {
    if (!host.disk.data.rotTree(luck)) return;
    this.#cluster.treeSpoilt.add(host.id);
    this.#cluster.marks.hit("leaf rotten");
  }

  #fileOf(host: SimulatedHost, luck: SeededRandom): DatabaseFile {
    return luck.chance(0.8) ? host.disk.data : host.disk.hints;
  }

  /** The process is stopped, its disk is replaced by an empty or an older one, and it starts again. */
  #replaceDatabase(kind: "lost_database" | "old_snapshot", host: SimulatedHost, luck: SeededRandom): void {
    const files = luck.pick([[host.disk.data], [host.disk.hints], [host.disk.data, host.disk.hints]]);
    const before = files.map((file) => (kind === "lost_database" ? emptyFile : file.snapshot()));
    const remembered = kind === "lost_database" ? undefined : host.disk.acknowledgements;
    const delayMs = kind === "lost_database" ? 0 : luck.skewed(50, 3_000);
    this.#cluster.loop.after(delayMs, () => {
      if (this.#stopped) return;
      this.#fell(host, "kill");
      this.#cluster.destroyed(host);
      this.#cluster.marks.hit(kind === "lost_database" ? "database lost" : "old snapshot restored");
      files.forEach((file, i) => file.restore(before[i]!));
      // A volume that is lost or restored as a whole takes with it what the node remembers of itself.
      if (luck.fork("volume").chance(0.5)) host.disk.acknowledgements = remembered;
      this.#cluster.loop.after(luck.skewed(20, 2_000), () => host.start());
    });
  }
}
