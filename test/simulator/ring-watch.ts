import type { NodeId } from "../../node/core/node-id.ts";
import { placeOfKey } from "./checkers/durable-copies.ts";
import type { Cluster } from "./cluster.ts";
import type { SimulatedHost } from "./world/simulated-host.ts";

/** What is to be seen and remembered of rings that change, as nodes begin to serve them. */
export class RingWatch {
  readonly #cluster: Cluster;
  /** By node: the sets of owners that took part in writes by each ring that it served. */
  readonly #setsServed = new Map<NodeId, SetsServed[]>();
  /** Of the ring at each epoch of each generation. */
  readonly #phases = new Map<string, "settled" | "transfer" | "flipped">();
  /** Nodes that serve a ring that does not list them. */
  readonly #left = new Set<NodeId>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  installed(host: SimulatedHost): void {
    const ring = host.node?.ring.current();
    if (ring === undefined) return;
    this.#keepOwners(host);
    const { marks, moves } = this.#cluster;
    const number = (epoch: number): string => `${ring.generation} ${epoch}`;
    const phase = ring.format === 2 ? (ring.change?.phase ?? "settled") : "settled";
    const before = this.#phases.get(number(ring.epoch - 1));
    if (phase === "flipped" && !this.#phases.has(number(ring.epoch)))
      moves.flipped((key) => this.#cluster.routesAt(host, key).writeSets);
    this.#phases.set(number(ring.epoch), phase);
    if (phase === "transfer") marks.hit("ring change begun");
    if (phase === "flipped") marks.hit("ring change flipped");
    if (phase === "settled" && before === "flipped") marks.hit("ring change ended");
    if (phase === "settled" && before === "transfer") marks.hit("ring change cancelled");
    this.#markStanding(host);
  }

  /** By each ring that this node served when it may have given the command whose effect is seen now. */
  setsLately(id: NodeId, place: string): readonly OwnerSets[] {
    const sinceMs = this.#cluster.loop.nowMs - COMMAND_MS_MAX;
    return (this.#setsServed.get(id) ?? [])
      .filter(({ untilMs }) => untilMs >= sinceMs)
      .flatMap(({ byPlace }) => {
        const sets = byPlace.get(place);
        return sets === undefined ? [] : [sets];
      });
  }

  #keepOwners(host: SimulatedHost): void {
    const { loop, scenario } = this.#cluster;
    const served = this.#setsServed.get(host.id) ?? [];
    this.#setsServed.set(host.id, served);
    const last = served.at(-1);
    if (last !== undefined) last.untilMs = Math.min(last.untilMs, loop.nowMs);
    const sets = (key: string): OwnerSets => this.#cluster.routesAt(host, key).writeSets;
    const byPlace = new Map(scenario.keys.map((key) => [placeOfKey(key), sets(key)]));
    served.push({ untilMs: Infinity, byPlace });
  }

  #markStanding({ id, node }: SimulatedHost): void {
    const { marks, rings, scenario } = this.#cluster;
    const keeper = node!.ring;
    const isSpare = scenario.spares?.includes(id) === true;
    if (keeper.standing() === "left") {
      this.#left.add(id);
      if (!isSpare) marks.hit("member left");
    }
    if (!keeper.isMember()) return;
    if (isSpare) marks.hit("spare became a member");
    if (this.#left.delete(id)) marks.hit("left member joined again");
    const listed = keeper.current()?.members.find((member) => member.id === id);
    if (!rings.everLost(id) || listed === undefined || !("ringStore" in listed)) return;
    if (listed.ringStore === keeper.ringStore()) marks.hit("lost ring store admitted");
  }
}

interface SetsServed {
  untilMs: number;
  readonly byPlace: ReadonlyMap<string, OwnerSets>;
}

/** One set, or those before and after a change that moves the partition. */
type OwnerSets = readonly (readonly NodeId[])[];

/** From a command to remove rows to its commit, on the slowest disk. */
const COMMAND_MS_MAX = 5_000;
