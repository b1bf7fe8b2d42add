import { invariant } from "../invariant.ts";
import type { NodeId } from "../node-id.ts";
import type { PreferenceList, Ring } from "./ring.ts";

/**
 * Who keeps each partition: walk the ring clockwise from the partition and meet its nodes one after the other; the
 * first N in distinct zones are the owners. Where there are fewer than N zones, the nodes that were passed over
 * because their zone was taken follow in the order they were met. The walk goes round the whole ring, so it never
 * ends early: a list has min(N, members) owners, all distinct, and every other member as a fallback.
 *
 * Source: Dynamo §4.3 ("skipping positions … distinct physical nodes") and §4.6 (lists spread over data centres).
 */

/** What of a ring says who owns what. */
export type Assignment = Pick<Ring, "members" | "owners" | "parameters">;

/**
 * One list a partition, in order of partitions. The owners are found now, the fallbacks of a partition when they are first asked for:
 * all at once they are Q·S references, 33 MB at 4,096 partitions and 1,000 members, and half a second or more in which a node that takes over a ring
 * answers nobody. Most are never needed.
 */
export function preferenceLists(ring: Assignment): readonly PreferenceList[] {
  const { partitions } = ring.parameters;
  invariant(ring.owners.length === partitions, `${ring.owners.length} owners for ${partitions} partitions`);
  const walk = new Walk(ring);
  const lists: PreferenceList[] = [];
  for (let partition = partitions - 1; partition >= 0; partition--) {
    walk.stepBackTo(partition);
    const owners = walk.owners();
    lists.push(listOf(partition, owners, () => fallbacksOf(ring, partition, owners)));
  }
  return lists.reverse();
}

/** A list whose fallbacks are computed once, when they are first looked at. */
export function listOf(
  partition: number,
  owners: readonly NodeId[],
  fallbacks: () => readonly NodeId[],
): PreferenceList {
  let known: readonly NodeId[] | undefined;
  return {
    partition,
    owners,
    get fallbacks() {
      return (known ??= fallbacks());
    },
  };
}

/** Everybody else in the order of the walk, which is at most once around the ring. Members that own nothing come last, by id. */
function fallbacksOf(
  { members, owners: ownerOf }: Assignment,
  partition: number,
  owners: readonly NodeId[],
): readonly NodeId[] {
  const met = new Uint8Array(members.length);
  const walked: NodeId[] = [];
  const meet = (index: number): void => {
    if (met[index] === 1) return;
    met[index] = 1;
    walked.push(members[index]!.id);
  };
  for (let step = 0; step < ownerOf.length && walked.length < members.length; step++)
    meet(ownerOf[(partition + step) % ownerOf.length]!);
  members.forEach((_, index) => meet(index));
  return walked.filter((id) => !owners.includes(id));
}

/**
 * The members in the order in which a walk meets them first. Starting one partition earlier meets that partition's
 * owner first and all others in the order they had, so each order follows from the next one by moving one member
 * to the front. Members that own nothing come last, by id.
 */
class Walk {
  readonly #ring: Assignment;
  readonly #order: Uint16Array;
  /** So many of the first N can be in zones of their own. */
  readonly #zonesMax: number;

  constructor(ring: Assignment) {
    this.#ring = ring;
    this.#order = Uint16Array.from(ring.members, (_, index) => index);
    this.#zonesMax = Math.min(ring.parameters.replicas, new Set(ring.members.map(({ zone }) => zone)).size);
    for (let partition = ring.owners.length - 1; partition >= 0; partition--) this.stepBackTo(partition);
  }

  stepBackTo(partition: number): void {
    const owner = this.#ring.owners[partition]!;
    const at = this.#order.indexOf(owner);
    invariant(at >= 0, `partition ${partition} belongs to member ${owner} of ${this.#order.length}`);
    this.#order.copyWithin(1, 0, at);
    this.#order[0] = owner;
  }

  /** The first N nodes in distinct zones, then, where zones ran out, nodes that were passed over. */
  owners(): NodeId[] {
    const { members, parameters } = this.#ring;
    const zones: string[] = [];
    const owners: NodeId[] = [];
    const passedOver: NodeId[] = [];
    for (const index of this.#order) {
      const { id, zone } = members[index]!;
      if (zones.length === this.#zonesMax || zones.includes(zone)) {
        passedOver.push(id);
      } else {
        zones.push(zone);
        owners.push(id);
      }
      const isWhole = owners.length === this.#zonesMax;
      if (isWhole && owners.length + passedOver.length >= parameters.replicas) break;
    }
    return owners.concat(passedOver.slice(0, parameters.replicas - owners.length));
  }
}
