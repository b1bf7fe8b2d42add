import type { NodeId } from "../../../node/core/node-id.ts";
import { votersOf } from "../../../node/core/ring/change/elastic-ring.ts";
import type { RingMember } from "../../../node/core/ring/ring.ts";
import type { Cluster } from "../cluster.ts";
import type { Mark } from "../coverage-marks.ts";
import { SeededRandom } from "../world/seeded-random.ts";
import { emptyFile } from "../world/simulated-disk.ts";
import type { SimulatedHost } from "../world/simulated-host.ts";
import type { CommitCrash, FaultAction } from "./fault-action.ts";
import { RingChanger } from "./ring-changer.ts";

/** Does to a cluster what a fault says, and undoes it when its time is over. Decides nothing by itself. */
export class FaultExecutor {
  readonly #cluster: Cluster;
  readonly #changer: RingChanger;
  /** Down until all is healed, whatever else was to start them. */
  readonly #gone = new Set<NodeId>();
  #stopped = false;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#changer = new RingChanger(cluster);
  }

  get isStopped(): boolean {
    return this.#stopped;
  }

  /** Faults are over: the netsplits end, the disks recover, every machine comes up. */
  stop(): void {
    this.#stopped = true;
    this.#cluster.network.heal();
    this.#cluster.network.endWeather();
    for (const host of this.#cluster.hosts) {
      host.disk.fullUntilMs = 0;
      host.disk.failingCommits = 0;
      host.disk.slowUntilMs = 0;
      host.disk.data.failingReads = 0;
      host.disk.hints.failingReads = 0;
      this.#gone.clear();
      this.#start(host);
    }
  }

  strike(fault: FaultAction): void {
    const { loop, trace } = this.#cluster;
    const at = "node" in fault ? ` at ${fault.node.slice(-2)}` : "";
    trace.line(loop.nowMs, `fault ${fault.kind}${at}`);
    const mark = MARKS[fault.kind];
    if (mark !== undefined) this.#cluster.marks.hit(mark);
    switch (fault.kind) {
      case "netsplit":
      case "one_way_netsplit":
      case "isolation":
        for (const [from, to] of fault.blocked) this.#cluster.network.block(from, to);
        loop.after(fault.lastsMs, () => this.#cluster.network.heal());
        fault.asked?.forEach((node, i) => this.#changer.ask(node, (fault.choice ?? 0) + i));
        if (fault.asked !== undefined)
          this.#cluster.marks.hit("changes asked for on both sides of a netsplit");
        return;
      case "clog":
        return this.#clog(fault);
      case "kill":
        return this.#crash(this.#host(fault.node), "kill", fault.downMs);
      case "power_loss":
        return this.#crash(this.#host(fault.node), "power", fault.downMs);
      case "power_loss_everywhere":
        return this.#powerLossEverywhere(fault.downMs);
      case "pause":
        this.#cluster.disturbed("process paused", [fault.node]);
        return this.#host(fault.node).pause(fault.lastsMs);
      case "wall_jump":
        this.#host(fault.node).quartz.wallOffsetMs += fault.byMs;
        return;
      case "slow_disk":
      case "disk_full":
      case "failing_commit":
        return this.#ailingDisk(fault);
      case "failing_read":
        this.#host(fault.node).disk[fault.database].failingReads = fault.reads;
        return;
      case "ring_change":
        return this.#changeRing(fault);
      case "lost_majority":
        return this.#loseMajority(fault);
      case "lost_ring":
        return this.#loseRing(fault);
      case "rotten_row":
      case "lost_row":
        return this.#spoilRow(fault);
      case "rotten_leaf":
      case "rotten_root":
        return this.#rotTree(fault);
      case "lost_database":
      case "old_snapshot":
        return this.#replaceDatabases(fault);
    }
  }

  /** A commit has begun at this node that will last `durationMs`: its end is never reached. */
  strikeCommit(fault: CommitCrash, durationMs: number): void {
    this.#cluster.loop.after(durationMs * fault.share, () => {
      if (this.#stopped) return;
      this.#cluster.marks.hit("crash in commit");
      if (fault.downMs.length > 1) this.#powerLossEverywhere(fault.downMs);
      else this.#crash(this.#host(fault.node), fault.how, fault.downMs[0]!);
    });
  }

  /** Not a disturbance: nothing is lost, and nobody may take late for absent before the deadline. */
  #clog({ from, to, lastsMs }: Extract<FaultAction, { kind: "clog" }>): void {
    const { network, marks, loop } = this.#cluster;
    for (const id of from) {
      marks.hit("link clogged");
      network.clog(id, to, loop.nowMs + lastsMs);
    }
  }

  #changeRing({ node, second, held, choice }: Extract<FaultAction, { kind: "ring_change" }>): void {
    const ask = (): void => {
      if (this.#stopped) return;
      this.#changer.ask(node, choice);
      if (second !== undefined) this.#changer.ask(second, choice + 1);
    };
    if (held !== undefined) this.#hold(held);
    if (held === undefined || held.aheadMs === 0) ask();
    else this.#cluster.loop.after(held.aheadMs, ask);
  }

  #hold({ from, lastsMs }: { from: NodeId; lastsMs: number }): void {
    const { network, loop, hosts } = this.#cluster;
    for (const { id } of hosts) if (id !== from) network.clog(from, id, loop.nowMs + lastsMs);
  }

  #powerLossEverywhere(downMs: readonly number[]): void {
    this.#cluster.marks.hit("power lost everywhere");
    this.#cluster.hosts.forEach((host, i) => this.#crash(host, "power", downMs[i] ?? 0));
  }

  #crash(host: SimulatedHost, how: "kill" | "power", downMs: number): void {
    this.#fell(host, how);
    this.#cluster.loop.after(downMs, () => this.#start(host));
  }

  #start(host: SimulatedHost): void {
    if (!this.#gone.has(host.id)) host.start();
  }

  #fell(host: SimulatedHost, how: "kill" | "power"): void {
    const { loop, marks, trace } = this.#cluster;
    if (host.incarnation === undefined) return;
    this.#cluster.falls(host);
    this.#cluster.disturbed("crash", [host.id]);
    const outcomes = host.crash(how);
    trace.line(loop.nowMs, `${how} ${host.id.slice(-2)} ${outcomes.join(" ")}`);
    for (const survived of outcomes) {
      marks.hit(survived ? "crash in commit, commit survived" : "crash in commit, commit lost");
    }
  }

  #ailingDisk(fault: Extract<FaultAction, { kind: "slow_disk" | "disk_full" | "failing_commit" }>): void {
    const { disk } = this.#host(fault.node);
    const { nowMs } = this.#cluster.loop;
    if (fault.kind === "failing_commit") disk.failingCommits = fault.commits;
    if (fault.kind === "disk_full") disk.fullUntilMs = nowMs + fault.lastsMs;
    if (fault.kind === "slow_disk") {
      disk.slowness = fault.slowness;
      disk.slowUntilMs = nowMs + fault.lastsMs;
    }
  }

  #spoilRow(fault: Extract<FaultAction, { kind: "rotten_row" | "lost_row" }>): void {
    const host = this.#host(fault.node);
    const file = host.disk[fault.database];
    const luck = SeededRandom.ofSeed(fault.choice);
    const places = [...file.rows.keys()].sort();
    if (places.length === 0) return;
    this.#cluster.destroyed(host);
    this.#cluster.losses.gnaws(host.id);
    this.#cluster.marks.hit(fault.kind === "rotten_row" ? "row rotten" : "row lost");
    if (fault.kind === "rotten_row") {
      if (fault.database === "data") this.#cluster.rowsRotten.add(host.id);
      return file.flipBit(luck.pick(places), luck);
    }
    file.loseRow(luck.pick(places));
    this.#cluster.treeSpoilt.add(host.id);
  }

  #rotTree({ kind, node, choice }: Extract<FaultAction, { kind: "rotten_leaf" | "rotten_root" }>): void {
    const host = this.#host(node);
    const luck = SeededRandom.ofSeed(choice);
    const { data } = host.disk;
    if (!(kind === "rotten_leaf" ? data.rotLeaves(luck) : data.rotRoot(luck))) return;
    this.#cluster.treeSpoilt.add(host.id);
    this.#cluster.marks.hit(kind === "rotten_leaf" ? "leaf rotten" : "root rotten");
  }

  /** The process is stopped, its disk is replaced by an empty or an older one, and it starts again. */
  #replaceDatabases(fault: Extract<FaultAction, { kind: "lost_database" | "old_snapshot" }>): void {
    const host = this.#host(fault.node);
    const { loop, marks } = this.#cluster;
    const isEmpty = fault.kind === "lost_database";
    const images = fault.databases.map((name) => (isEmpty ? emptyFile : host.disk[name].snapshot()));
    const remembered = isEmpty ? undefined : host.disk.acknowledgements;
    loop.after(fault.ageMs, () => {
      if (this.#stopped) return;
      this.#fell(host, "kill");
      if (fault.databases.includes("data"))
        this.#cluster.losses.loses(host.id, isEmpty ? "emptied" : "rolled back");
      this.#cluster.destroyed(host);
      marks.hit(isEmpty ? "database lost" : "old snapshot restored");
      if (!fault.databases.includes("data"))
        marks.hit(isEmpty ? "hints lost alone" : "hints rolled back alone");
      fault.databases.forEach((name, i) => host.disk[name].restore(images[i]!));
      // A volume that is lost or restored as a whole takes with it what the node remembers of itself.
      if (fault.takesMemory) host.disk.acknowledgements = remembered;
      loop.after(fault.downMs, () => this.#start(host));
    });
  }

  /** Those that are left are told so, by a person, until they have recovered their ring. */
  #loseMajority({ node, choice }: Extract<FaultAction, { kind: "lost_majority" }>): void {
    const ring = this.#host(node).node?.ring.current();
    if (this.#gone.size > 0 || ring?.format !== 2 || !ring.members.some(({ id }) => id === node)) return;
    const voters = votersOf(ring).map(({ id }) => id);
    const luck = SeededRandom.ofSeed(choice);
    const others = luck.shuffled(voters.filter((id) => id !== node));
    for (const lost of others.slice(0, Math.ceil(voters.length / 2))) {
      this.#gone.add(lost);
      this.#fell(this.#host(lost), "power");
    }
    this.#recover(node);
  }

  #recover(node: NodeId): void {
    this.#cluster.loop.after(RECOVERY_PAUSE_MS, () => {
      const { node: core } = this.#host(node);
      const ring = core?.ring.current();
      if (this.#stopped) return;
      if (core === undefined || ring === undefined) return this.#recover(node);
      const survivors = ring.members.map(({ id }) => id).filter((id) => !this.#gone.has(id));
      const { generation, epoch } = ring;
      void core.governance.recover({ survivors, generation, epoch }).then(({ kind }) => {
        if (kind === "recovered") this.#cluster.recovered();
        else this.#recover(node);
      });
    });
  }

  #loseRing({ node, downMs }: Extract<FaultAction, { kind: "lost_ring" }>): void {
    const host = this.#host(node);
    if (this.#cluster.changesRing && !this.#mayForget(host)) return;
    this.#fell(host, "kill");
    host.disk.ring = undefined;
    this.#cluster.rings.lost(node);
    this.#cluster.loop.after(downMs, () => this.#start(host));
  }

  /**
   * Whether enough of those that decide remember what they have promised when this one does not: half of them can decide
   * nothing any more, not even whom to admit again, and only a recovery leads on.
   */
  #mayForget({ id }: SimulatedHost): boolean {
    const ring = this.#cluster.servedRings()[0]?.node?.ring.current();
    if (ring === undefined) return false;
    const voters = votersOf(ring);
    const isNew = (voter: RingMember): boolean =>
      this.#cluster.rings.everLost(voter.id) &&
      (!("ringStore" in voter) || this.#host(voter.id).node?.ring.ringStore() !== voter.ringStore);
    const forgetful = voters.filter((voter) => voter.id === id || isNew(voter)).length;
    return 2 * forgetful < voters.length;
  }

  #host(node: NodeId): SimulatedHost {
    return this.#cluster.host(node);
  }
}

const RECOVERY_PAUSE_MS = 1_500;

/** Faults that have happened once they strike. */
const MARKS: Partial<Record<FaultAction["kind"], Mark>> = {
  netsplit: "netsplit",
  one_way_netsplit: "one-way netsplit",
  isolation: "node isolated",
  kill: "node killed",
  power_loss: "power lost at one node",
  pause: "process paused",
  disk_full: "disk full",
  failing_read: "read failed",
  lost_ring: "ring lost",
  wall_jump: "wall clock jumped",
};
