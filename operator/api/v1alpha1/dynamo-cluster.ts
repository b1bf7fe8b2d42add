import type { FromSchema } from "./schema-type.ts";
import type { specSchema } from "./spec-schema.ts";
import type { statusSchema } from "./status-schema.ts";

/** The resource that a user writes, as the API server hands it out: defaults are filled in. */

export const API_GROUP = "dynamokv.io";
export const API_VERSION = "v1alpha1";
export const KIND = "DynamoCluster";
export const PLURAL = "dynamoclusters";

export type DynamoClusterSpec = FromSchema<typeof specSchema>;
export type DynamoClusterStatus = FromSchema<typeof statusSchema>;
export type ClusterCondition = NonNullable<DynamoClusterStatus["conditions"]>[number];
export type NodeStatus = NonNullable<DynamoClusterStatus["nodes"]>[number];

export interface DynamoCluster {
  readonly apiVersion: `${typeof API_GROUP}/${typeof API_VERSION}`;
  readonly kind: typeof KIND;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly generation: number;
    readonly resourceVersion: string;
    readonly creationTimestamp?: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: DynamoClusterSpec;
  readonly status?: DynamoClusterStatus;
}
