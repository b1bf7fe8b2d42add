import type { NodeId } from "../node-id.ts";
import type { PartitionRoutes } from "./change/change-routes.ts";
import type { RingNumber } from "./ring-number.ts";
import type { PreferenceList, Ring } from "./ring.ts";

/** The ring that this node serves, as the data path sees it; kept by ring/ring-keeper.ts. */
export interface RingState {
  /** Undefined until this node is a member of a formed ring. */
  current(): Ring | undefined;
  /** Hex digest of the current ring document; empty without one. */
  hash(): string;
  /** Throws InvariantBroken without a ring. Precomputed: costs an array access. */
  preferenceList(partition: number): PreferenceList;
}

/** The same for those who plan requests, and who answer what others have planned. */
export interface PlanningRing extends RingState {
  /** Where reads and writes go; `preferenceList` is its `read`. As cheap. */
  routes(partition: number): PartitionRoutes;
  /** False without a ring, and once this node has left it. */
  isMember(): boolean;
  /** False while its ring store is new and can be admitted (change/elastic-ring.ts), and once it has left; true without a ring. */
  mayAcknowledge(): boolean;
  /**
   * Resolves once this node durably serves this ring or a later one, or has failed to get it from the peer, which is said to have
   * it; never rejects. Takes 12 s at most. Callers that want it of the same peer at once share one exchange.
   */
  catchUp(peer: NodeId, ring: RingNumber): Promise<void>;
}
