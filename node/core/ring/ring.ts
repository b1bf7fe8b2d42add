import type { NodeId } from "../node-id.ts";

/**
 * The numbered ring document (Dynamo §4.2, §4.8.1, strategy 3 of §6.2): who is a member and who owns which
 * partition. Immutable; a change of membership is a new document with the next epoch. Addresses, software versions
 * and health are not in it: they are learnt from the peers themselves.
 */
export interface Ring {
  /** Version of this document's own format; 2 is not wired yet (change/elastic-ring.ts). */
  readonly format: 1 | 2;
  readonly clusterId: string;
  /** Raised only by recovery from a lost majority; a higher generation fences every epoch of a lower one. */
  readonly generation: number;
  /** 1 for the formed ring, then one more for each step of each change. */
  readonly epoch: number;
  readonly parameters: RingParameters;
  /** Features that every member supports; raised by an epoch once all do. */
  readonly featureLevel: number;
  /** Ascending by id. */
  readonly members: readonly RingMember[];
  /** For each partition the index into `members` of its owner. */
  readonly owners: readonly number[];
  /** The change under way, null in a settled ring. */
  readonly change: RingChange | null;
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

/** Reserved for membership changes; no change is ever under way in format 1 as formed. */
export interface RingChange {
  readonly changeId: string;
  readonly type: "join" | "leave" | "replace";
  readonly phase: string;
  readonly nextOwners: readonly number[];
}

/** Who keeps a partition's keys, in the order of the walk clockwise. */
export interface PreferenceList {
  readonly partition: number;
  /** The N owners (fewer only where the ring has fewer members), coordinator candidates first. */
  readonly owners: readonly NodeId[];
  /** Every other member in walk order: stand-ins, when an owner is not reachable. */
  readonly fallbacks: readonly NodeId[];
}
