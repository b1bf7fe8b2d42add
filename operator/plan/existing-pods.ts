import { zoneShares } from "../desired/zone-plan.ts";
import type { ObservedState } from "../observe/observed-state.ts";

/**
 * Names of the pods that there shall be now: as many as the StatefulSets have, which is not what the spec asks for
 * while a change of size waits for nodes to join or leave.
 */
export function existingPods({ statefulSets }: ObservedState): readonly string[] {
  return statefulSets
    .toSorted((a, b) => (a.metadata!.name! < b.metadata!.name! ? -1 : 1))
    .flatMap(({ metadata, spec }) =>
      Array.from({ length: spec?.replicas ?? 0 }, (_, ordinal) => `${metadata!.name}-${ordinal}`),
    );
}

/** Names of the StatefulSets that shall be there and are not: while one is being replaced its pods are there, unseen by `existingPods`. */
export function missingSets({ cluster, statefulSets }: ObservedState): readonly string[] {
  const names = statefulSets.map(({ metadata }) => metadata?.name);
  return zoneShares(cluster)
    .map(({ statefulSet }) => statefulSet)
    .filter((name) => !names.includes(name));
}
