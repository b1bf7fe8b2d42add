import type { V1PersistentVolumeClaim, V1Pod, V1StatefulSet } from "@kubernetes/client-node";
import type { AdminMember, AdminRing, AdminStatus } from "../../node/contract/admin-types.ts";
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
  /** As conditions tell the time: "2026-01-01T00:00:00Z". */
  readonly now: string;
}

export type NodeReport =
  | {
      readonly pod: string;
      readonly answered: true;
      readonly status: AdminStatus;
      /** Undefined where the node has no ring. */
      readonly ring: AdminRing | undefined;
      readonly members: readonly AdminMember[];
    }
  | {
      readonly pod: string;
      readonly answered: false;
      /** Why not, for people. */
      readonly reason: string;
    };

export type AnsweredReport = Extract<NodeReport, { answered: true }>;
