import type { V1PersistentVolumeClaim, V1Pod, V1StatefulSet } from "@kubernetes/client-node";
import type { AdminMember, AdminRing, AdminStatus } from "../../node/contract/admin-types.ts";
import type { RingChangeProgress, RingPlan } from "../../node/contract/ring-change-types.ts";
import type { DynamoCluster } from "../api/v1alpha1/dynamo-cluster.ts";

/**
 * One look at everything that belongs to a cluster: what the user asked for, what Kubernetes has, and what each node
 * says of itself. Plan, desired objects and status are pure functions of it. Nothing in it comes from the status that
 * the operator wrote before: a status that is lost costs nothing.
 */
export interface ObservedState {
  readonly cluster: DynamoCluster;
  readonly statefulSets: readonly V1StatefulSet[];
  /** Pods of the cluster's StatefulSets, terminating ones included. */
  readonly pods: readonly V1Pod[];
  readonly claims: readonly V1PersistentVolumeClaim[];
  /** What the node of each running pod answered; a pod without an address yet is not in it. */
  readonly reports: readonly NodeReport[];
  /** Claims whose volumes can only live on hosts that Kubernetes does not know any more. */
  readonly lostClaims?: readonly string[] | undefined;
  /** What the leave that is due would move (plan/size-change.ts); undefined where none is. */
  readonly preview?: LeavePreview | undefined;
  /** As conditions tell the time: "2026-01-01T00:00:00Z". */
  readonly now: string;
}

export type LeavePreview =
  | { readonly kind: "planned"; readonly plan: RingPlan }
  /** Why a node could or would not plan it, for people. */
  | { readonly kind: "refused"; readonly message: string };

export type NodeReport =
  | {
      readonly pod: string;
      readonly answered: true;
      readonly status: AdminStatus;
      /** Undefined where the node has no ring. */
      readonly ring: AdminRing | undefined;
      readonly members: readonly AdminMember[];
      /** How far the ring change under way is, where it knows of one. */
      readonly progress?: RingChangeProgress | undefined;
      /** Of a node that has left: keys that it has yet to hand over. */
      readonly keysKept?: number | undefined;
    }
  | {
      readonly pod: string;
      readonly answered: false;
      /** Why not, for people. */
      readonly reason: string;
    };

export type AnsweredReport = Extract<NodeReport, { answered: true }>;
