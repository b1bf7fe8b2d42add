import type { StorePoint } from "../ports/replica-store.ts";
import type { KeptIdentity, OpenedStore } from "../ports/store-identity.ts";

/**
 * Whether a node's store is less than it was: the decision behind "recovering" (Dynamo has none: a replica that forgot
 * its writes still voted). What others remember of earlier runs is held against what the store was when this process
 * opened it. What this run acknowledged says nothing: it came after.
 *
 * A store that nobody here knows is a predecessor, lost or replaced. The own store farther than it was opened means
 * that the disk was rolled back: its next commits would take numbers that were acknowledged already, so that it gets a
 * new identity and the old one becomes a predecessor as well.
 */
export interface Loss {
  /** Predecessors that were not known of, each once. */
  readonly stores: readonly string[];
  readonly isRolledBack: boolean;
}

/** Undefined where nothing is missing that was not known to be. */
export function lossToldBy(
  points: readonly StorePoint[],
  opened: OpenedStore,
  known: Pick<KeptIdentity, "lostStores">,
): Loss | undefined {
  const stores = new Set<string>();
  let isRolledBack = false;
  for (const { storeId, runId, sequence } of points) {
    if (runId === opened.runId || known.lostStores.includes(storeId)) continue;
    if (storeId === opened.storeId && sequence <= opened.sequence) continue;
    if (storeId === opened.storeId) isRolledBack = true;
    stores.add(storeId);
  }
  return stores.size === 0 ? undefined : { stores: [...stores], isRolledBack };
}

/** Beyond this the oldest are forgotten: a disk that is replaced so often is nobody's memory. */
const LOST_STORES_MAX = 64;

export function afterLoss(
  identity: KeptIdentity,
  { stores, isRolledBack }: Loss,
  newStoreId: () => string,
): KeptIdentity {
  const lostStores = [...new Set([...identity.lostStores, ...stores])].slice(-LOST_STORES_MAX);
  const storeId = isRolledBack ? newStoreId() : identity.storeId;
  return { storeId, lostStores, recovering: true };
}
