import type { PlantedBug } from "./planted-bug.ts";

const STORAGE = "node/core/storage";
const ANTI_ENTROPY = "node/core/antientropy";

/** Bugs in what makes copies equal again: Merkle trees, anti-entropy, markers, hint limits, gossip. */
export const CONVERGENCE_BUGS: readonly PlantedBug[] = [
  {
    name: "value_not_in_merkle_leaf",
    breaks: "a leaf says which keys there are, and nothing of their values",
    edits: [
      {
        file: `${STORAGE}/batch-table.ts`,
        search: "this.#tree?.replaced(position, before?.digest, after?.digest);",
        replace: "this.#tree?.replaced(position, before?.position, after?.position);",
      },
    ],
  },
  {
    name: "leaf_not_updated_on_overwrite",
    breaks: "the first write of a key enters its leaf, later ones do not",
    edits: [
      {
        file: `${STORAGE}/batch-table.ts`,
        search: "this.#tree?.replaced(position, before?.digest, after?.digest);",
        replace: "if (before === undefined) this.#tree?.replaced(position, undefined, after?.digest);",
      },
    ],
  },
  {
    name: "fold_forgets_the_open_list",
    breaks: "what is folded into one block is dropped for all the others",
    edits: [
      {
        file: "node/core/merkle/tree-writer.ts",
        search: "const old = through + 1 - BLOCK_COUNT;",
        replace: "const old = through;",
      },
    ],
  },
  {
    name: "arriving_record_overwrites",
    breaks: "a record that arrives takes the place of the one that is there",
    edits: [
      {
        file: `${STORAGE}/apply-write.ts`,
        search: "const merged = merge(before.record, arrived);",
        replace: "const merged = arrived.siblings.length > 0 ? arrived : merge(before.record, arrived);",
      },
    ],
  },
  {
    name: "half_of_the_leaves_compared",
    breaks: "anti-entropy passes over every second leaf that differs",
    edits: [
      {
        file: `${ANTI_ENTROPY}/exchange.ts`,
        search: "    this.#tally.leavesDiffering = leaves.length;\n",
        replace:
          "    leaves = leaves.filter((leaf) => leaf % 2 === 0);\n    this.#tally.leavesDiffering = leaves.length;\n",
      },
    ],
  },
  {
    name: "roots_always_equal",
    breaks: "a peer answers that all roots are equal where the number of keys is",
    edits: [
      {
        file: `${ANTI_ENTROPY}/exchange-server.ts`,
        search: "return ours === undefined || compareBytes(ours.root, theirs[i]!) !== 0;",
        replace: "return ours === undefined || (ours.keys === 0) !== theirs[i]!.every((byte) => byte === 0);",
      },
    ],
  },
  {
    name: "concurrent_copies_passed_over",
    breaks: "anti-entropy moves a record only where one side has all that the other has",
    edits: [
      {
        file: `${ANTI_ENTROPY}/row-directions.ts`,
        search: 'else directions.push(their === undefined ? "push" : directionOf(our, their));',
        replace:
          'else if (their === undefined) directions.push("push");\n' +
          '        else directions.push(directionOf(our, their).replace("both", "neither"));',
      },
    ],
  },
  {
    name: "rotten_row_left_to_rot",
    breaks: "a rotten row that the scrub finds is fetched from nobody",
    edits: [
      {
        file: `${ANTI_ENTROPY}/scrub.ts`,
        search: "    for (const position of read.corrupt) this.#parts.onCorrupt(position);\n",
        replace: "",
      },
    ],
  },
  {
    name: "wrong_leaf_left_wrong",
    breaks: "a leaf that is not the sum of its rows is found and not computed anew",
    edits: [
      {
        file: `${ANTI_ENTROPY}/scrub.ts`,
        search: "for (let at = 0; at < leavesWrong.length; at += LEAVES_PER_READ_MAX) {",
        replace: "for (let at = leavesWrong.length; at < leavesWrong.length; at += LEAVES_PER_READ_MAX) {",
      },
    ],
  },
  {
    name: "full_stand_in_drops_and_acknowledges",
    breaks: "a stand-in without room acknowledges a copy that it does not keep",
    edits: [
      {
        file: `${STORAGE}/group-commit.ts`,
        search: '    return { outcome: "refused", code: refusal.code, message: refusal.message };\n',
        replace: "    return { ...applied, row: undefined };\n",
      },
    ],
  },
  {
    name: "tombstone_dropped_early",
    breaks: "a record of tombstones alone is removed as soon as it is written",
    edits: [
      {
        file: `${STORAGE}/group-commit.ts`,
        search:
          "    table.replace(before, applied.row, rewrite);\n" +
          "    table.addTombstones(applied.row.position, applied.tombstonesAdded);\n",
        replace:
          "    const isDead = decodeRecord(applied.row.record).siblings.every(({ tombstone }) => tombstone);\n" +
          "    table.replace(before, isDead ? undefined : applied.row, rewrite);\n" +
          "    table.addTombstones(applied.row.position, applied.tombstonesAdded - Number(isDead));\n",
      },
      {
        file: `${STORAGE}/group-commit.ts`,
        search: 'import { ActorMint } from "../version/actor.ts";',
        replace:
          'import { ActorMint } from "../version/actor.ts";\nimport { decodeRecord } from "../version/record-codec.ts";',
      },
    ],
  },
  {
    name: "marker_forgotten_though_changed",
    breaks: "a marker is struck off although its key was written while it was delivered",
    edits: [
      {
        file: `${STORAGE}/forget-hint.ts`,
        search: "  const owed = own === undefined ? row.digest : owedDigest(row, own, hash);\n",
        replace:
          "  const owed = row.record.length === 0 ? digest : own === undefined ? row.digest : owedDigest(row, own, hash);\n",
      },
    ],
  },
  {
    name: "gossip_takes_older_entries",
    breaks: "an entry that comes by takes the place of a later one of the same node",
    edits: [
      {
        file: "node/core/membership/member-table.ts",
        search: "known === undefined ? !this.#hasRoomFor(stamp) : compareStamps(stamp, stampOf(known)) <= 0",
        replace: "known === undefined ? !this.#hasRoomFor(stamp) : stamp[1] === 0",
      },
      {
        file: "node/core/membership/member-table.ts",
        search: "return stamp === undefined || compareStamps(stampOf(entry), stamp) > 0;",
        replace: "return stamp === undefined || compareStamps(stampOf(entry), stamp) !== 0;",
      },
    ],
  },
  {
    name: "recovering_replica_votes",
    breaks: "what a node that lost its data does not have counts as not found",
    edits: [
      {
        file: "node/core/replica/replica.ts",
        search: 'read.status === "failed" || this.#parts.isVoter();',
        replace: 'read.status === "failed" || !this.#parts.isVoter() || this.#parts.isVoter();',
      },
      {
        file: "node/core/coordinator/read-round.ts",
        search: 'const isVote = !("recovering" in read && read.recovering) && this.#parts.isVoter(node);',
        replace: "const isVote = node.length > 0;",
      },
    ],
  },
  {
    name: "recovered_after_one_comparison",
    breaks: "a node that lost its data is whole once it was compared with any one co-owner",
    edits: [
      {
        file: "node/core/recovery/partitions-left.ts",
        search: "return owners.every((owner) => owner === this.#self || peers?.has(owner) === true);",
        replace: "return owners.length === 1 || owners.some((owner) => peers?.has(owner) === true);",
      },
    ],
  },
  {
    name: "recovery_forgotten_at_restart",
    breaks: "a node that was recovering and restarts takes itself for whole",
    edits: [
      {
        file: "node/core/recovery/own-recovery.ts",
        search: "this.#identity = { storeId, lostStores, recovering };",
        replace: 'this.#identity = { storeId, lostStores, recovering: recovering && storeId === "" };',
      },
    ],
  },
  {
    name: "merged_tombstone_not_counted",
    breaks: "a key that another node's delete reaches by a merge is no tombstone for the count",
    edits: [
      {
        file: `${STORAGE}/apply-write.ts`,
        search: "tombstonesAdded: Number(isTombstone(merged)) - tombstonesBefore(before),",
        replace: "tombstonesAdded: 0,",
      },
    ],
  },
  {
    name: "tombstones_not_counted_again",
    breaks: "a row that is gone stays in the count of tombstones",
    edits: [
      {
        file: `${STORAGE}/batch-table.ts`,
        search: "    if (this.#tree?.flush() === true) this.#tombstones?.doubt();\n",
        replace: "    this.#tree?.flush();\n",
      },
    ],
  },
  {
    name: "rotten_root_not_mended",
    breaks: "a root of the tree that rotted stays as it is, whoever finds it",
    edits: [
      {
        file: "node/core/merkle/tree-writer.ts",
        search: "    if (isDoubtful) leaves.sumAgain();\n",
        replace: "",
      },
    ],
  },
];
