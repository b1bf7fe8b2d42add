import type {
  AdminMembers,
  AdminPartitions,
  AdminPreferenceList,
  AdminRepair,
  AdminReplica,
  AdminRing,
  AdminStatus,
  FormRingResult,
  Readiness,
  RoutingTable,
} from "../contract/admin-types.ts";
import type { KeyOfBucket } from "../core/coordinator/requests.ts";
import type { NodeId } from "../core/node-id.ts";
import type { AdoptionOutcome } from "./identity-adoption.ts";

/** What a node tells of itself and lets its operators do; the admin port is a dress of it, in JSON. */
export interface NodeAdmin {
  /** Member of a ring, storage open, not draining. Never "has quorum": a netsplit would empty the Service. */
  ready(): Readiness;
  status(): AdminStatus;
  members(): AdminMembers;
  /** Undefined without a ring; so are the next two. */
  ring(): AdminRing | undefined;
  routingTable(): RoutingTable | undefined;
  preferenceList(key: KeyOfBucket): AdminPreferenceList | undefined;
  replica(key: KeyOfBucket): Promise<ReplicaOutcome>;
  partitions(): Promise<PartitionsOutcome>;
  /**
   * Compares this node's copies with those of every co-owner; takes little more than `timeoutMs`, and ends early once
   * `isWanted` is false.
   */
  repair(timeoutMs: number, isWanted: () => boolean): Promise<RepairOutcome>;
  formRing(request: RingFormation): Promise<FormRingOutcome>;
  /** Takes over the id of a member whose volume was lost, and ends this process. */
  adoptIdentity(id: NodeId): AdoptionOutcome;
}

export type ReplicaOutcome =
  | { readonly kind: "found"; readonly replica: AdminReplica }
  | { readonly kind: "none" }
  | { readonly kind: "failed"; readonly message: string };

export type PartitionsOutcome =
  | { readonly kind: "found"; readonly partitions: AdminPartitions }
  | { readonly kind: "no_ring" }
  | { readonly kind: "failed"; readonly message: string };

export type RepairOutcome =
  | { readonly kind: "compared"; readonly repair: AdminRepair }
  | { readonly kind: "no_ring" }
  /** One at a time: another one is under way. */
  | { readonly kind: "busy" };

/** A checked FormRingRequest. */
export interface RingFormation {
  readonly clusterId: string;
  readonly members: readonly NodeId[];
  readonly partitions: number;
  readonly replicas: number;
}

export type FormRingOutcome =
  | ({ readonly kind: "formed" } & FormRingResult)
  /** This node or a listed one has a ring already, another than the one asked for: 409. */
  | { readonly kind: "ring_exists"; readonly message: string }
  /** Not every listed member could be asked, or one did not accept: 503, nothing serves, try again. */
  | { readonly kind: "members_unreachable"; readonly message: string }
  /** Not a formation that this node can make (it is not listed itself, …): 400. */
  | { readonly kind: "invalid"; readonly message: string };
