import type { NodeId } from "../node-id.ts";

/**
 * The numbered ring document (Dynamo §4.2, §4.8.1, strategy 3 of §6.2): who is a member and who owns which
 * partition. Immutable; a change of membership is a new document with the next epoch. Addresses, software versions
 * and health are not in it: they are learnt from the peers themselves.
 */
export type Ring = FormedRing | ElasticRing;

/** What both formats have. */
interface RingBase {
  readonly clusterId: string;
  /** Raised only by recovery from a lost majority; a higher generation fences every epoch of a lower one. */
  readonly generation: number;
  /** 1 for the formed ring, then one more for each step of each change. */
  readonly epoch: number;
  readonly parameters: RingParameters;
  /** Features that every member supports; raised by an epoch once all do. */
  readonly featureLevel: number;
  /** For each partition the index into `members` of its owner. */
  readonly owners: readonly number[];
}

/** A ring as formed: it cannot change before it is raised to format 2 (change/change-steps.ts). */
export interface FormedRing extends RingBase {
  readonly format: 1;
  /** Ascending by id. */
  readonly members: readonly RingMember[];
  /** Never one, as formed. */
  readonly change: RingChange | null;
}

/**
 * The ring document of format 2: one that can change. All of format 1 is in it as it was, in the same order; what is
 * new follows by name, as unknown fields of format 1 would (ring-document.ts). An older release refuses it, and must.
 */
export interface ElasticRing extends RingBase {
  readonly format: 2;
  /** Ascending by id. */
  readonly members: readonly AdmittedMember[];
  /** The change under way, null in a settled ring. */
  readonly change: ChangeUnderWay | null;
  /** The oldest epoch of this generation whose reads and writes replicas still serve (change/fence.ts). */
  readonly acceptsFrom: number;
  /**
   * Nodes that are members no more, and whose copies and hints may still come to members: seal rounds ask them too
   * (change/departed.ts). Ascending; left out where there are none.
   */
  readonly departed?: readonly NodeId[];
}

/** Fixed for a cluster's life: peers with others refuse each other. */
export interface RingParameters {
  /** Q: a power of two, 8 to 65,536. */
  readonly partitions: number;
  /** N: copies of each key, 1 to 7. */
  readonly replicas: number;
  readonly hash: "md5";
  readonly leafFormat: 1;
}

export interface RingMember {
  readonly id: NodeId;
  /** Failure domain; empty where none was given. */
  readonly zone: string;
  readonly state: "active" | "joining" | "leaving";
}

export interface AdmittedMember extends RingMember {
  /**
   * Which ring store votes for this member: 16 hex digits, drawn at random when the store is created. A member whose
   * store is another one has lost its promises and abstains, until an epoch that it did not vote for lists the new store.
   */
  readonly ringStore: string;
}

export interface RingChange {
  readonly changeId: string;
  readonly type: "join" | "leave" | "replace";
  readonly phase: string;
  readonly nextOwners: readonly number[];
}

/**
 * `owners` is who owns before the change and `nextOwners` who owns after it, in both phases; members that join are
 * "joining" and own nothing in `owners`, those that leave are "leaving" and own nothing in `nextOwners`.
 *
 * - transfer: reads go to the owners before, writes to both; the data moves. It can be cancelled.
 * - flipped: reads go to the owners after, writes still to both, until no reader of the epochs before can be answered.
 */
export interface ChangeUnderWay extends RingChange {
  readonly phase: "transfer" | "flipped";
}

/** Who keeps a partition's keys, in the order of the walk clockwise. */
export interface PreferenceList {
  readonly partition: number;
  /** The N owners (fewer only where the ring has fewer members), coordinator candidates first. */
  readonly owners: readonly NodeId[];
  /** Every other member in walk order: stand-ins, when an owner is not reachable. */
  readonly fallbacks: readonly NodeId[];
}
