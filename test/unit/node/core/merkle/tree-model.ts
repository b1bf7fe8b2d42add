import type { Database } from "../../../../../node/core/ports/database.ts";
import { LEAVES_PER_BLOCK, leafOf, xorHash } from "../../../../../node/core/merkle/leaf.ts";
import { LEAF_COUNT } from "../../../../../node/core/ports/merkle-store.ts";
import { TreeReader } from "../../../../../node/core/merkle/tree-reader.ts";

/** Leaves, hashes in hex and rows: the one form in which the tests compare trees. */
export interface PlainTree {
  readonly leaves: ReadonlyMap<number, string>;
  readonly roots: readonly { readonly root: string; readonly keys: number }[];
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** What the tree has to be, computed from the rows in the plainest way. */
export function treeOfRows(database: Database, partitions: number): PlainTree {
  const leaves = new Map<number, Uint8Array>();
  const roots = Array.from({ length: partitions }, () => ({ root: new Uint8Array(16), keys: 0 }));
  for (const { position, digest } of database.scan(undefined, 1_000_000)) {
    const leaf = leafOf(position);
    const hash = leaves.get(leaf) ?? new Uint8Array(16);
    leaves.set(leaf, hash);
    xorHash(hash, 0, digest);
    const root = roots[Math.floor(leaf / (LEAF_COUNT / partitions))]!;
    xorHash(root.root, 0, digest);
    root.keys += 1;
  }
  const filled = [...leaves].filter(([, hash]) => hash.some((byte) => byte !== 0));
  return {
    leaves: new Map(
      filled.map(([leaf, hash]): [number, string] => [leaf, hex(hash)]).sort(([a], [b]) => a - b),
    ),
    roots: roots.map(({ root, keys }) => ({ root: hex(root), keys })),
  };
}

/** What the database says the tree is. */
export function treeAsStored(database: Database, partitions: number): PlainTree {
  const reader = new TreeReader(database.tree);
  const leaves = reader
    .occupiedBlocks()
    .flatMap((block) => reader.leaves({ first: block * LEAVES_PER_BLOCK, count: LEAVES_PER_BLOCK }));
  return {
    leaves: new Map(leaves.map(({ leaf, hash }) => [leaf, hex(hash)])),
    roots: reader.partitions(partitions).map(({ root, keys }) => ({ root: hex(root), keys })),
  };
}
