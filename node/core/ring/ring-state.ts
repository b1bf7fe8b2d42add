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
