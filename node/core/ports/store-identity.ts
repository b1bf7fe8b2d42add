import type { StorePoint, Stored } from "./replica-store.ts";

/**
 * What this node's data.db says of itself, so that a lost, restored or rolled-back disk can be told from one that is
 * whole (recovery/). Promises never reject; where the disk does not answer, they are `storage_lost` after 30 s.
 */
export interface IdentityStore {
  /** As it was when this process opened it. */
  opened(): OpenedStore;
  /** How far it has come, as far as the writer has told. */
  point(): StorePoint;
  /** Writes it into data.db, for this and every later process. Resolves when it is on stable storage. */
  keepIdentity(identity: KeptIdentity): Promise<Stored>;
  /** The loss of hints.db was made known: data.db takes the present one for the right one from now on. */
  acceptHints(): Promise<Stored>;
}

export interface KeptIdentity {
  /** 16 hex digits; another one than before where the file was found rolled back. */
  readonly storeId: string;
  /** Stores whose acknowledgements this one has to answer for: its predecessors. Oldest first. */
  readonly lostStores: readonly string[];
  /** True while what they lost is not got back. */
  readonly recovering: boolean;
}

export interface OpenedStore extends StorePoint, KeptIdentity {
  /**
   * True until some process has kept an identity in it. A file that was made beside a ring replaces a lost one, and a
   * process that dies before it has written that down leaves the finding to the next.
   */
  readonly isNew: boolean;
  /** How hints.db is not the one that data.db knows; also "missing" where both are new. */
  readonly hintsLost: HintsLoss | undefined;
}

/** hints.db is not there (any more), is another file, or lacks commits that it once had. */
export type HintsLoss = "missing" | "replaced" | "rolled_back";
