import type { NodeId } from "../../../../../../node/core/node-id.ts";
import {
  endLacks,
  flipLacks,
  movesOf,
  type PartitionMove,
  transferSources,
} from "../../../../../../node/core/ring/change/change-progress.ts";
import { type PartitionRoutes, routesOf } from "../../../../../../node/core/ring/change/change-routes.ts";
import type { ElasticRing } from "../../../../../../node/core/ring/ring.ts";
import { isAdmitted } from "../../../../../../node/core/ring/change/elastic-ring.ts";
import { fence } from "../../../../../../node/core/ring/change/fence.ts";
import { membersOf, member, ringOf } from "../made-ring.ts";
import { mulberry } from "../seeded.ts";
import { join, leave, replace } from "./change-scenes.ts";
import { beginningOf, raised, stepped, storeOf } from "./elastic-rings.ts";

/**
 * One partition while its ring changes, as far as quorums see it: every node has some epoch and some writes, coordinators
 * plan by the epoch they have, messages arrive late or never, ring stores are lost (their nodes learn any ring from others, and show what they
 * have to no reader before they are admitted, for they recover), and the steps of the change are taken as soon as
 * change-progress.ts says that they are due. A read that begins after a write was acknowledged must find it.
 */
export interface ChangeRules {
  readonly routesOf: typeof routesOf;
  readonly fence: typeof fence;
  readonly isAdmitted: typeof isAdmitted;
  readonly transferSources: typeof transferSources;
  readonly flipLacks: typeof flipLacks;
  readonly endLacks: typeof endLacks;
}

export const RULES: ChangeRules = { routesOf, fence, isAdmitted, transferSources, flipLacks, endLacks };

interface Copy {
  epoch: number;
  /** How many ring stores it has lost. */
  lostStores: number;
  /** On the side of a netsplit to which nothing of a later ring comes. */
  isCutOff: boolean;
  readonly writes: Set<number>;
}

interface Operation {
  readonly by: ElasticRing;
  readonly routes: PartitionRoutes;
  /** The write, or undefined for a read. */
  readonly write: number | undefined;
  readonly answered: Set<NodeId>;
  readonly found: Set<number>;
  /** Of a read: what was acknowledged when it began. */
  readonly expected: ReadonlySet<number>;
  isDone: boolean;
}

const W = 2;
const R = 2;
const STEPS = 400;

/** What a read missed, if one did, and whether the change ended. */
export function runChange(
  seed: number,
  rules: ChangeRules = RULES,
): { missed: string | undefined; hasEnded: boolean } {
  return new ChangeRun(seed, rules).run();
}

class ChangeRun {
  readonly #random: () => number;
  readonly #rules: ChangeRules;
  readonly #rings: ElasticRing[];
  readonly #moves: readonly PartitionMove[];
  readonly #partition: number;
  readonly #copies = new Map<NodeId, Copy>();
  readonly #compared = new Map<NodeId, Set<NodeId>>();
  readonly #acknowledged = new Set<number>();
  readonly #messages: { to: NodeId; operation: Operation }[] = [];
  readonly #routes = new Map<ElasticRing, readonly PartitionRoutes[]>();
  /** How often each kind of step comes differs from run to run: no one mixture reaches everything. */
  readonly #weights: readonly number[];
  readonly #lateness: number;
  readonly #losesStores: boolean;
  #written = 0;
  #missed: string | undefined;

  constructor(seed: number, rules: ChangeRules) {
    this.#random = mulberry(seed);
    this.#rules = rules;
    this.#losesStores = seed % 4 === 1;
    this.#weights = [1, 1, 8, 1, 2, 1].map((weight) => weight * (0.05 + this.#random() ** 2));
    this.#lateness = this.#random();
    const members = membersOf(4);
    const settled = raised(ringOf({ members, partitions: 8 }));
    const requests = [
      join(member(4)),
      leave(member(1)),
      replace([member(1)], [member(4)]),
      join(member(4), member(5)),
    ];
    const transfer = stepped(settled, beginningOf(settled, requests[this.#below(requests.length)]!));
    this.#rings = [settled, transfer];
    const moves = movesOf(transfer);
    const picked = moves[this.#below(moves.length)]!;
    this.#moves = [picked];
    this.#partition = picked.partition;
    for (const { id } of transfer.members)
      this.#copies.set(id, { epoch: settled.epoch, lostStores: 0, isCutOff: false, writes: new Set() });
    if (this.#losesStores)
      this.#copies.get(picked.before[this.#below(picked.before.length)]!)!.isCutOff = true;
  }

  run(): { missed: string | undefined; hasEnded: boolean } {
    for (let i = 0; i < STEPS && this.#missed === undefined; i++) this.#step();
    const hasFlipped = this.#rings.some(({ change }) => change?.phase === "flipped");
    return { missed: this.#missed, hasEnded: hasFlipped && this.#latest.change === null };
  }

  #step(): void {
    if (this.#losesStores) {
      const luck = this.#random();
      if (luck < 0.01) return this.#loseStore();
      if (luck < 0.02) return this.#admit();
      if (luck < 0.025) return this.#heal();
    }
    const [write, read, deliver, install, compare] = this.#weights as [
      number,
      number,
      number,
      number,
      number,
    ];
    let dice = this.#random() * this.#weights.reduce((sum, weight) => sum + weight, 0);
    if ((dice -= write) < 0) this.#begin(this.#written++);
    else if ((dice -= read) < 0) this.#begin(undefined);
    else if ((dice -= deliver) < 0) this.#deliver();
    else if ((dice -= install) < 0) this.#install();
    else if ((dice -= compare) < 0) this.#compare();
    else this.#decide();
  }

  #begin(write: number | undefined): void {
    const by = this.#ringOf(this.#someEpoch());
    const routes = this.#routesBy(by);
    const operation: Operation = {
      by,
      routes,
      write,
      answered: new Set(),
      found: new Set(),
      expected: write === undefined ? new Set(this.#acknowledged) : new Set(),
      isDone: false,
    };
    const targets = write === undefined ? routes.read.owners : new Set(routes.writeSets.flat());
    for (const to of targets) if (this.#random() < 0.85) this.#messages.push({ to, operation });
  }

  /** Of any node; in some runs mostly of one that is behind. */
  #someEpoch(): number {
    const epochs = this.#latest.members.map(({ id }) => this.#copies.get(id)!.epoch);
    return this.#random() < this.#lateness ? Math.min(...epochs) : epochs[this.#below(epochs.length)]!;
  }

  #deliver(): void {
    if (this.#messages.length === 0) return;
    const at = this.#below(this.#messages.length);
    const [{ to, operation }] = this.#messages.splice(at, 1) as [{ to: NodeId; operation: Operation }];
    const copy = this.#copies.get(to)!;
    const verdict = this.#rules.fence(this.#ringOf(copy.epoch), operation.by);
    if (verdict === "stale" || (verdict === "fetch" && copy.isCutOff)) return;
    if (verdict === "fetch") copy.epoch = operation.by.epoch;
    const ring = this.#ringOf(copy.epoch);
    const isMember = ring.members.some(({ id }) => id === to);
    if (!isMember) return;
    const rule = operation.write === undefined ? isAdmitted : this.#rules.isAdmitted;
    if (!rule(ring, to, storeOf(to, copy.lostStores))) return;
    if (operation.write !== undefined) copy.writes.add(operation.write);
    else for (const write of copy.writes) operation.found.add(write);
    operation.answered.add(to);
    if (!operation.isDone) this.#settle(operation);
  }

  #settle(operation: Operation): void {
    const { routes, answered, write } = operation;
    const has = (set: readonly NodeId[], quorum: number): boolean =>
      set.filter((id) => answered.has(id)).length >= quorum;
    if (write !== undefined) {
      if (!routes.writeSets.every((set) => has(set, W))) return;
      this.#acknowledged.add(write);
    } else {
      if (!has(routes.read.owners, R)) return;
      const lost = [...operation.expected].find((expected) => !operation.found.has(expected));
      if (lost !== undefined) this.#missed = `read at epoch ${operation.by.epoch} missed write ${lost}`;
    }
    operation.isDone = true;
  }

  #install(): void {
    const ids = [...this.#copies.keys()];
    const copy = this.#copies.get(ids[this.#below(ids.length)]!)!;
    if (!copy.isCutOff)
      copy.epoch = Math.max(copy.epoch, this.#rings[this.#below(this.#rings.length)]!.epoch);
  }

  /** It has its data, and the ring of who is cut off, with whom it is from now on. */
  #loseStore(): void {
    const copies = [...this.#copies.values()];
    const met = copies.find(({ isCutOff }) => isCutOff);
    const copy = copies[this.#below(copies.length)]!;
    copy.lostStores++;
    if (met === undefined) return;
    copy.epoch = met.epoch;
    copy.isCutOff = true;
  }

  #heal(): void {
    for (const copy of this.#copies.values()) copy.isCutOff = false;
  }

  #admit(): void {
    const ring = this.#latest;
    const listed = ring.members[this.#below(ring.members.length)]!;
    const ringStore = storeOf(listed.id, this.#copies.get(listed.id)!.lostStores);
    if (listed.ringStore !== ringStore)
      this.#rings.push(stepped(ring, { kind: "admit", node: listed.id, ringStore }));
  }

  #compare(): void {
    const [move] = this.#moves as [PartitionMove];
    const node = move.gaining[this.#below(move.gaining.length)];
    const ring = this.#rings[1]!;
    if (node === undefined || this.#copies.get(node)!.epoch < ring.epoch) return;
    const sources = this.#rules.transferSources(move, { w: W, isFencing: (id) => this.#isFencing(id, ring) });
    if (sources === undefined) return;
    const source = sources[this.#below(sources.length)]!;
    for (const write of this.#copies.get(source)!.writes) this.#copies.get(node)!.writes.add(write);
    this.#compared.set(node, (this.#compared.get(node) ?? new Set()).add(source));
  }

  #decide(): void {
    const ring = this.#latest;
    const { change } = ring;
    if (change?.phase === "transfer") {
      const lacks = this.#rules.flipLacks(this.#moves, {
        w: W,
        comparedWith: (_, node) => [...(this.#compared.get(node) ?? [])],
      });
      if (lacks.length === 0) this.#rings.push(stepped(ring, { kind: "flip", changeId: change.changeId }));
      else if (this.#random() < 0.02)
        this.#rings.push(stepped(ring, { kind: "cancel", changeId: change.changeId }));
    } else if (change?.phase === "flipped") {
      const lacks = this.#rules.endLacks(this.#moves, { r: R, isFencing: (id) => this.#isFencing(id, ring) });
      if (lacks.length === 0) this.#rings.push(stepped(ring, { kind: "end", changeId: change.changeId }));
    }
  }

  #isFencing(id: NodeId, ring: ElasticRing): boolean {
    return this.#copies.get(id)!.epoch >= ring.acceptsFrom;
  }

  get #latest(): ElasticRing {
    return this.#rings.at(-1)!;
  }

  #ringOf(epoch: number): ElasticRing {
    return this.#rings.find((ring) => ring.epoch === epoch)!;
  }

  #routesBy(ring: ElasticRing): PartitionRoutes {
    let routes = this.#routes.get(ring);
    if (routes === undefined) this.#routes.set(ring, (routes = this.#rules.routesOf(ring)));
    return routes[this.#partition]!;
  }

  #below(count: number): number {
    return Math.floor(this.#random() * count);
  }
}
