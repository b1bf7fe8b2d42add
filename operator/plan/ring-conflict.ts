import type { NodeView } from "../observe/node-view.ts";

/** Two rings where there must be one, as a sentence; undefined where all nodes that have one agree. */
export function ringConflict(nodes: readonly NodeView[]): string | undefined {
  const seen = new Map<string, { readonly pod: string; readonly hash: string }>();
  let clusterId: { readonly pod: string; readonly id: string } | undefined;
  for (const { pod, report } of nodes) {
    const ring = report?.ring;
    if (ring === undefined) continue;
    clusterId ??= { pod, id: ring.clusterId };
    if (clusterId.id !== ring.clusterId) {
      return (
        `${clusterId.pod} belongs to cluster ${clusterId.id} and ${pod} to ${ring.clusterId}: one of their volumes ` +
        "is of another cluster; find out which, and delete the claim and the pod that do not belong here"
      );
    }
    const number = `${ring.generation}.${ring.epoch}`;
    const other = seen.get(number);
    if (other !== undefined && other.hash !== ring.hash) {
      return `${other.pod} and ${pod} serve different rings of the same epoch ${ring.epoch}: nothing is changed until a person has looked at it (dynamokv ring on both)`;
    }
    seen.set(number, other ?? { pod, hash: ring.hash });
  }
  return undefined;
}
