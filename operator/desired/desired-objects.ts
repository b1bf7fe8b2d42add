import type {
  V1ConfigMap,
  V1PodDisruptionBudget,
  V1Service,
  V1ServiceAccount,
  V1StatefulSet,
} from "@kubernetes/client-node";
import type { ObservedState } from "../observe/observed-state.ts";
import { configMap } from "./config-map.ts";
import { serviceAccount } from "./service-account.ts";
import { clientService, nodesService } from "./services.ts";
import { statefulSet } from "./stateful-set.ts";
import { zoneShares } from "./zone-plan.ts";

/** Everything that shall exist for a cluster, in the order in which it is applied; the secret is apart. */
export type DesiredObject =
  V1ServiceAccount | V1ConfigMap | V1Service | V1PodDisruptionBudget | V1StatefulSet;

export interface OperatorImage {
  /** Image of the operator itself, which nodes run too unless the spec names another. */
  readonly image: string;
}

/** All but the disruption budget, which depends on the ring. */
export function desiredObjects(observed: ObservedState, operator: OperatorImage): readonly DesiredObject[] {
  const { cluster, statefulSets } = observed;
  const image = cluster.spec.image ?? operator.image;
  return [
    serviceAccount(cluster),
    configMap(cluster),
    nodesService(cluster),
    clientService(cluster),
    ...zoneShares(cluster).map((share) => {
      const live = statefulSets.find(({ metadata }) => metadata?.name === share.statefulSet);
      return statefulSet(cluster, { share, image, live, podsLeft: podsOf(share.statefulSet, observed) });
    }),
  ];
}

/** One more than the highest ordinal that a pod of this StatefulSet has. */
function podsOf(name: string, { pods }: ObservedState): number {
  const ordinals = pods.flatMap(({ metadata }) => {
    const pod = metadata?.name ?? "";
    const ordinal = pod.startsWith(`${name}-`) ? pod.slice(name.length + 1) : "";
    return /^\d+$/.test(ordinal) ? [Number(ordinal) + 1] : [];
  });
  return Math.max(0, ...ordinals);
}
