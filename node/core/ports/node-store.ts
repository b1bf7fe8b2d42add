import type { HintStore } from "./hint-store.ts";
import type { MerkleStore } from "./merkle-store.ts";
import type { MisplacedStore } from "./misplaced-store.ts";
import type { CacheableStore } from "./replica-store.ts";
import type { SealStore } from "./seal-store.ts";
import type { IdentityStore } from "./store-identity.ts";
import type { TombstoneStore } from "./tombstone-store.ts";

/** All that a node does with its data.db and hints.db: each part of the core asks for the ports that it needs of it. */
export type NodeStore = CacheableStore &
  HintStore &
  MerkleStore &
  MisplacedStore &
  IdentityStore &
  TombstoneStore &
  SealStore;
