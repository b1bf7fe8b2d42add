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

/** One list a partition, in order of partitions. Holds Q·S references: 1 MB at 256 partitions and 500 members. */
export function preferenceLists(ring: Assignment): readonly PreferenceList[] {
  const { partitions, replicas } = ring.parameters;
  invariant(ring.owners.length === partitions, `${ring.owners.length} owners for ${partitions} partitions`);
  const walk = new Walk(ring);
  const lists: PreferenceList[] = [];
  for (let partition = partitions - 1; partition >= 0; partition--) {
    walk.stepBackTo(partition);
    const { owners, fallbacks } = walk.split(replicas);
    lists.push({ partition, owners, fallbacks });
  }
  return lists.reverse();
}

/**
 * The members in the order in which a walk meets them first. Starting one partition earlier meets that partition's
 * owner first and all others in the order they had, so each order follows from the next one by moving one member
 * to the front. Members that own nothing come last, by id.
 */
class Walk {
  readonly #ring: Assignment;
  readonly #order: number[];

  constructor(ring: Assignment) {
    this.#ring = ring;
    this.#order = ring.members.map((_, index) => index);
    for (let partition = ring.owners.length - 1; partition >= 0; partition--) this.stepBackTo(partition);
  }

  stepBackTo(partition: number): void {
    const owner = this.#ring.owners[partition]!;
    const at = this.#order.indexOf(owner);
    invariant(at >= 0, `partition ${partition} belongs to member ${owner} of ${this.#order.length}`);
    this.#order.copyWithin(1, 0, at);
    this.#order[0] = owner;
  }

  /** The first N nodes in distinct zones, then, where zones ran out, nodes that were passed over; then the rest. */
  split(replicas: number): Pick<PreferenceList, "owners" | "fallbacks"> {
    const zones = new Set<string>();
    const owners: NodeId[] = [];
    const passedOver: NodeId[] = [];
    for (const index of this.#order) {
      const { id, zone } = this.#ring.members[index]!;
      if (owners.length === replicas || zones.has(zone)) {
        passedOver.push(id);
      } else {
        zones.add(zone);
        owners.push(id);
      }
    }
    const missing = replicas - owners.length;
    if (missing === 0) return { owners, fallbacks: passedOver };
    return { owners: owners.concat(passedOver.slice(0, missing)), fallbacks: passedOver.slice(missing) };
  }
}
