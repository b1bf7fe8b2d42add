/**
 * A claim in the making: who owns each partition so far, and how much a partition's owner clashes with the owners
 * around it. Everything is an index: partitions around the ring, members by id, zones by name.
 *
 * The clash of a partition counts, among the partitions less than N away, those with the same owner, and beside
 * them those in the same zone, where there are at least N zones. Where there are fewer, it counts the zones that
 * each run of N partitions around it misses. Partitions without an owner clash with nobody.
 */
export const UNOWNED = -1;

export class ClaimPlan {
  /** min(N, members): so many partitions in a row ought to have distinct owners. */
  readonly span: number;
  readonly partitionCount: number;
  readonly memberCount: number;
  readonly zoneCount: number;
  /** For each member its zone; zones are numbered in the order of their names. */
  readonly zoneOf: Int32Array;
  /** The owners before the claim. */
  readonly previous: Int32Array;
  readonly #owners: Int32Array;

  constructor({
    replicas,
    zones,
    owners,
  }: {
    replicas: number;
    zones: readonly string[];
    owners: readonly number[];
  }) {
    const names = [...new Set(zones)].sort((a, b) => (a < b ? -1 : 1));
    const numberOf = new Map(names.map((name, index) => [name, index]));
    this.zoneOf = Int32Array.from(zones, (zone) => numberOf.get(zone)!);
    this.zoneCount = names.length;
    this.memberCount = zones.length;
    this.partitionCount = owners.length;
    this.span = Math.min(replicas, zones.length, owners.length);
    this.#owners = Int32Array.from(owners);
    this.previous = Int32Array.from(owners);
  }

  ownerOf(partition: number): number {
    return this.#owners[partition]!;
  }

  setOwner(partition: number, member: number): void {
    this.#owners[partition] = member;
  }

  owners(): number[] {
    return [...this.#owners];
  }

  /** Partitions whose owner is another one than before the claim. */
  moves(): number {
    return this.#owners.filter((owner, partition) => owner !== this.previous[partition]).length;
  }

  /** Whether N zones can be told apart in N partitions. */
  get zonesSuffice(): boolean {
    return this.zoneCount >= this.span;
  }

  /** Partitions that each member owns. */
  loads(): Int32Array {
    const loads = new Int32Array(this.memberCount);
    for (const owner of this.#owners) if (owner !== UNOWNED) loads[owner]!++;
    return loads;
  }

  /** The clash that `partition` would have if `member` owned it; 0 is none. */
  clash(partition: number, member: number): number {
    const zone = this.zoneOf[member]!;
    let clashes = 0;
    for (let distance = 1; distance < this.span; distance++) {
      clashes += this.#pairClash(this.#at(partition + distance), member, zone);
      clashes += this.#pairClash(this.#at(partition - distance), member, zone);
    }
    return this.zonesSuffice ? clashes : clashes + this.#missedZones(partition, zone);
  }

  #pairClash(neighbour: number, member: number, zone: number): number {
    if (neighbour === UNOWNED) return 0;
    if (neighbour === member) return 2;
    return this.zonesSuffice && this.zoneOf[neighbour] === zone ? 1 : 0;
  }

  /** Over the runs of N partitions that hold this one: zones that are not in them and have no room left. */
  #missedZones(partition: number, zone: number): number {
    if (this.zoneCount === 1) return 0;
    let missed = 0;
    for (let start = partition - this.span + 1; start <= partition; start++) {
      let seen = 1 << zone;
      let room = 0;
      for (let i = start; i < start + this.span; i++) {
        const owner = this.#at(i);
        if (i === partition) continue;
        if (owner === UNOWNED) room++;
        else seen |= 1 << this.zoneOf[owner]!;
      }
      missed += Math.max(0, this.zoneCount - bitsIn(seen) - room);
    }
    return missed;
  }

  #at(position: number): number {
    const count = this.partitionCount;
    return this.#owners[position < 0 ? position + count : position >= count ? position - count : position]!;
  }
}

function bitsIn(mask: number): number {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count++;
  return count;
}
