import { covers } from "../../../node/core/version/coverage.ts";
import type { Cluster } from "../cluster.ts";
import type { KnownDot } from "../workload/dot-registry.ts";
import type { WriteOperation } from "../workload/history.ts";
import { checkWrittenContext } from "./contexts.ts";
import { durableCopies, placeOfKey } from "./durable-copies.ts";
import { checkNothingToDelete, type Promised } from "./reads.ts";

/**
 * What an acknowledgement must mean at the moment it reaches the client: W nodes have the write (or something that
 * superseded it) on stable storage, and its context covers exactly what it may. `promised`: to the read of a delete
 * without a context, at the attempt that is acknowledged.
 */
export function checkAcknowledgement(
  cluster: Cluster,
  operation: WriteOperation,
  { w, promised }: { w: number; promised: Promised | undefined },
): void {
  checkWrittenContext(cluster, operation);
  const { answered, id, key } = operation;
  if (answered === undefined) return;
  if (operation.saw.length > 1) cluster.marks.hit("siblings reconciled");
  if (operation.attempts > 1 && cluster.registry.dotsOf(id).length === 1)
    cluster.marks.hit("retry found its dot");
  const own = cluster.registry.dotsOf(id).filter(({ dot }) => covers(answered, dot));
  // A delete that found nothing wrote nothing.
  if (own.length === 0 && operation.kind === "delete") {
    if (promised !== undefined) checkNothingToDelete(cluster, { id, key, answered, promised });
    return;
  }
  if (
    cluster.changesRing &&
    w >= cluster.scenario.writeQuorum &&
    isKeptByOwnersAlone(cluster, operation, own)
  )
    cluster.moves.acknowledged(key, own[0]!, cluster.preferenceList(key).owners);
  let copies = 0;
  for (const host of cluster.hosts) {
    const { data, hint } = durableCopies(host, key);
    const known = [data, hint].some(
      (copy) => copy !== undefined && own.some(({ dot }) => covers(copy.coverage, dot)),
    );
    const destroyedMs = cluster.destroyedMs(host.id);
    if (known || (destroyedMs !== undefined && destroyedMs >= operation.invokedMs)) copies += 1;
  }
  // Of fewer owners than W all are needed: a ring that was recovered may have no more.
  const needed = Math.min(w, ...cluster.ownerSets(key).map(({ length }) => length));
  if (copies < needed) {
    cluster.violated("acknowledged_before_durable", `${id} of ${key}: ${copies} durable copies of w=${w}`);
  }
}

/** No stand-in took part: then W owners have acknowledged it, by one plan. */
function isKeptByOwnersAlone(
  cluster: Cluster,
  { key, invokedMs }: WriteOperation,
  own: readonly KnownDot[],
): boolean {
  if (own.length !== 1 || cluster.hints.removedSince(placeOfKey(key), invokedMs)) return false;
  return cluster.hosts.every((host) => {
    const { hint } = durableCopies(host, key);
    return hint === undefined || !covers(hint.coverage, own[0]!.dot);
  });
}
