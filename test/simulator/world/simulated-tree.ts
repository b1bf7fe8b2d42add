import { invariant } from "../../../node/core/invariant.ts";
import {
  DatabaseFailure,
  type StoreIdentity,
  type TreeBlock,
  type TreeBlockHead,
  type TreeChanges,
  type TreeTables,
} from "../../../node/core/ports/database.ts";

/** A block, or a list of changes, of a Merkle tree. */
export type TreePart =
  | { readonly kind: "block"; readonly block: TreeBlock }
  | { readonly kind: "changes"; readonly changes: TreeChanges }
  /** Not of the tree, but kept as its parts are: what the file says of itself. */
  | { readonly kind: "identity"; readonly identity: StoreIdentity };

export type TreeByName = ReadonlyMap<string, TreePart>;
/** Undefined where the part is removed. */
export type TreeChangesByName = ReadonlyMap<string, TreePart | undefined>;

export interface TreeLayers {
  /** What lies on the disk, then what came later, oldest first; the open transaction is the last of them. */
  layers(): readonly [TreeByName, ...TreeChangesByName[]];
  /** The open transaction; undefined where there is none. */
  open(): Map<string, TreePart | undefined> | undefined;
}

/** The tables of a Merkle tree as one connection to a simulated database sees them. */
export class OverlaidTree implements TreeTables {
  readonly #layers: TreeLayers;

  constructor(layers: TreeLayers) {
    this.#layers = layers;
  }

  block(block: number): TreeBlock | undefined {
    const layer = this.#layers.layers().findLast((each) => each.has(blockName(block)));
    const part = layer?.get(blockName(block));
    return part?.kind === "block" ? copyOfBlock(part.block) : undefined;
  }

  heads(): TreeBlockHead[] {
    const heads: TreeBlockHead[] = [];
    for (const part of this.merged().values()) if (part.kind === "block") heads.push(copyOfHead(part.block));
    return heads.sort((a, b) => a.block - b.block);
  }

  writeBlock(block: TreeBlock): void {
    this.#writable().set(blockName(block.block), { kind: "block", block: copyOfBlock(block) });
  }

  changes(after: number): TreeChanges[] {
    const lists: TreeChanges[] = [];
    for (const part of this.merged().values()) {
      if (part.kind === "changes" && part.changes.seq > after) lists.push(copyOfChanges(part.changes));
    }
    return lists.sort((a, b) => a.seq - b.seq);
  }

  writeChanges(changes: TreeChanges): void {
    this.#writable().set(changesName(changes.seq), { kind: "changes", changes: copyOfChanges(changes) });
  }

  dropChanges(through: number): void {
    for (const { seq } of this.changes(0))
      if (seq <= through) this.#writable().set(changesName(seq), undefined);
  }

  identity(): StoreIdentity | undefined {
    const part = this.#layers
      .layers()
      .findLast((each) => each.has(IDENTITY))
      ?.get(IDENTITY);
    return part?.kind === "identity" ? part.identity : undefined;
  }

  writeIdentity(identity: StoreIdentity): void {
    this.#writable().set(IDENTITY, { kind: "identity", identity });
  }

  /** All layers as one; may be the file's own map. */
  merged(): TreeByName {
    const [lowest, ...later] = this.#layers.layers();
    if (later.every(({ size }) => size === 0)) return lowest;
    const merged = new Map(lowest);
    for (const layer of later) {
      for (const [name, part] of layer) {
        if (part === undefined) merged.delete(name);
        else merged.set(name, part);
      }
    }
    return merged;
  }

  #writable(): Map<string, TreePart | undefined> {
    const open = this.#layers.open();
    if (open === undefined)
      throw new DatabaseFailure("not_writable", "the tree is written in transactions only");
    return open;
  }
}

const IDENTITY = "identity";

function blockName(block: number): string {
  invariant(Number.isInteger(block) && block >= 0 && block < 256, `no block ${block}`);
  return `block ${block}`;
}

function changesName(seq: number): string {
  return `changes ${seq}`;
}

/** The leaves, 20 KiB, stay where they are. */
function copyOfHead({ block, through, keys, root }: TreeBlockHead): TreeBlockHead {
  return { block, through, keys, root: root.slice() };
}

function copyOfBlock(block: TreeBlock): TreeBlock {
  return { ...block, root: block.root.slice(), leaves: block.leaves.slice() };
}

function copyOfChanges({ seq, changes }: TreeChanges): TreeChanges {
  return { seq, changes: changes.slice() };
}
