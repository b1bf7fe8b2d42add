import type { Cluster } from "../cluster.ts";
import type { Scenario } from "../scenario.ts";
import type { ScheduledFaults } from "../schedule.ts";
import type { SeededRandom } from "../world/seeded-random.ts";
import type { SimulatedHost } from "../world/simulated-host.ts";
import {
  type CommitCrash,
  drawAbsence,
  drawCommitCrash,
  drawFault,
  type FaultAction,
  timedKinds,
} from "./fault-action.ts";
import { FaultExecutor } from "./fault-executor.ts";

/**
 * Makes faults happen until it is told to stop: those that the seed draws, one after another, the n-th depending on the
 * seed and on n alone; or those of a schedule, each at its time. It writes down what it did.
 */
export class Nemesis {
  readonly done: { readonly timed: { atMs: number; fault: FaultAction }[]; readonly commits: CommitCrash[] } =
    {
      timed: [],
      commits: [],
    };
  readonly #cluster: Cluster;
  readonly #scenario: Scenario;
  readonly #random: SeededRandom;
  readonly #planned: ScheduledFaults | undefined;
  readonly #executor: FaultExecutor;
  readonly #commitsOf = new Map<SimulatedHost, number>();
  #count = 0;

  constructor(cluster: Cluster, planned: ScheduledFaults | undefined) {
    this.#cluster = cluster;
    this.#scenario = cluster.scenario;
    this.#random = cluster.random.fork("nemesis");
    this.#planned = planned;
    this.#executor = new FaultExecutor(cluster);
  }

  start(): void {
    const { absentFromMs } = this.#scenario;
    if (timedKinds(this.#scenario).length === 0) return;
    if (this.#planned !== undefined) return this.#nextOf(this.#planned, 0);
    if (absentFromMs === undefined) return this.#next();
    const absence = drawAbsence(this.#scenario, this.#random.fork("absence"));
    this.#cluster.loop.after(absentFromMs, () => this.#strike(absence));
  }

  stop(): void {
    this.#executor.stop();
  }

  /** A commit begins at this host: now and then its end is never reached. */
  committing(host: SimulatedHost, durationMs: number): void {
    if (this.#executor.isStopped) return;
    const commit = (this.#commitsOf.get(host) ?? 0) + 1;
    this.#commitsOf.set(host, commit);
    const crash = this.#crashIn({ node: host.id, commit });
    if (crash === undefined) return;
    this.done.commits.push(crash);
    this.#executor.strikeCommit(crash, durationMs);
  }

  #crashIn(which: Pick<CommitCrash, "node" | "commit">): CommitCrash | undefined {
    if (this.#planned === undefined)
      return drawCommitCrash(this.#scenario, which, this.#random.fork("commit", which.node, which.commit));
    return this.#planned.commits.find(({ node, commit }) => node === which.node && commit === which.commit);
  }

  #next(): void {
    const luck = this.#random.fork("fault", ++this.#count);
    this.#cluster.loop.after(luck.skewed(10, this.#scenario.faultEveryMs * 4), () => {
      if (this.#executor.isStopped) return;
      this.#strike(drawFault(this.#scenario, luck));
      this.#next();
    });
  }

  /**
   * One after the other, and one that never comes behind the last, as where they are drawn: a run and its replay then
   * have the same events, and draw the same order for those of one moment.
   */
  #nextOf(planned: ScheduledFaults, index: number): void {
    const next = planned.timed[index];
    this.#cluster.loop.at(next?.atMs ?? Infinity, () => {
      if (next === undefined) return;
      this.#strike(next.fault);
      this.#nextOf(planned, index + 1);
    });
  }

  #strike(fault: FaultAction): void {
    if (this.#executor.isStopped) return;
    this.done.timed.push({ atMs: this.#cluster.loop.nowMs, fault });
    this.#executor.strike(fault);
  }
}
