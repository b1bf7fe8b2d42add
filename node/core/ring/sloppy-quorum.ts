import type { NodeId } from "../node-id.ts";
import type { PreferenceList } from "./ring.ts";

/**
 * Who takes a write now: "the first N healthy nodes from the preference list, which may not always be the first N
 * nodes encountered" (Dynamo §4.6). A fallback stands in for one particular owner and keeps the record for it as a
 * hint. So that the loss of a zone costs no more copies than before, a stand-in comes from the zone of its owner or
 * from one that holds no copy yet, while there is such a node.
 *
 * Invariant: the nodes are distinct and healthy, healthy owners keep their place, and each missing owner has at most
 * one stand-in. Without zones the result is exactly the first N healthy nodes of the list, in its order.
 */
export interface QuorumMember {
  readonly node: NodeId;
  /** The owner that this fallback keeps the record for; undefined where the node is an owner itself. */
  readonly standsInFor: NodeId | undefined;
}

export interface SloppyQuorumInput {
  readonly list: PreferenceList;
  readonly isHealthy: (node: NodeId) => boolean;
  /** Failure domain of a member, empty where it has none. Without it all nodes count as one zone. */
  readonly zoneOf?: (node: NodeId) => string;
}

/** At most as many as the list has owners, fewer where fewer nodes are healthy: healthy owners, then stand-ins. */
export function standIns({ list, isHealthy, zoneOf = () => "" }: SloppyQuorumInput): QuorumMember[] {
  const quorum: QuorumMember[] = [];
  const missing: NodeId[] = [];
  for (const owner of list.owners) {
    if (isHealthy(owner)) quorum.push({ node: owner, standsInFor: undefined });
    else missing.push(owner);
  }
  if (missing.length === 0) return quorum;
  const takenZones = new Set(quorum.map(({ node }) => zoneOf(node)));
  const available = list.fallbacks.filter(isHealthy);
  for (const owner of missing) {
    const apart = available.findIndex(
      (node) => zoneOf(node) === zoneOf(owner) || !takenZones.has(zoneOf(node)),
    );
    const [node] = available.splice(Math.max(apart, 0), 1);
    if (node === undefined) break;
    takenZones.add(zoneOf(node));
    quorum.push({ node, standsInFor: owner });
  }
  return quorum;
}
