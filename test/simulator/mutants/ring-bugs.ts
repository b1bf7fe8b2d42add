import type { PlantedBug } from "./planted-bug.ts";

const TRANSFER = "node/core/transfer";
const RING = "node/core/ring";

/** Of changes of the ring; see planted-bug.ts. */
export const RING_BUGS: readonly PlantedBug[] = [
  {
    name: "no_fence",
    breaks: "a replica takes reads and writes that were planned before the ring began to change",
    edits: [
      {
        file: `${RING}/change/fence.ts`,
        search: "planned.generation < ring.generation || planned.epoch < acceptedFrom(ring)",
        replace: "planned.generation < ring.generation",
      },
    ],
  },
  {
    name: "flip_before_verified",
    breaks: "reads go to the owners after a change as soon as somebody looks, whatever those have compared",
    edits: [
      {
        file: `${TRANSFER}/change-driver.ts`,
        search: "return flipLacks(moves, {",
        replace: "return flipLacks(moves.slice(moves.length), {",
      },
    ],
  },
  {
    name: "delete_before_flip",
    breaks:
      "an owner that a change takes a partition from hands its rows over and removes them while it is still asked",
    edits: [
      {
        file: `${TRANSFER}/misplaced-copies.ts`,
        search: "const owners = keepersOf(this.#parts.ring, partitions[0]!);",
        replace: "const owners = this.#parts.ring.routes(partitions[0]!).writeSets.at(-1)!;",
      },
      {
        file: `${TRANSFER}/misplaced-copies.ts`,
        search: "return keepersOf(this.#parts.ring, partition).includes(this.#parts.self);",
        replace: "return this.#parts.ring.routes(partition).writeSets.at(-1)!.includes(this.#parts.self);",
      },
    ],
  },
  {
    name: "writes_to_the_owners_before_only",
    breaks: "a write that meets a change goes to the owners before it alone",
    edits: [
      {
        file: `${RING}/change/change-routes.ts`,
        search: "const write = listOf(partition, owners, () =>",
        replace: "const write = listOf(partition, old, () =>",
      },
      {
        file: `${RING}/change/change-routes.ts`,
        search: "      writeSets: [old, next],\n",
        replace: "      writeSets: [old, old],\n",
      },
    ],
  },
  {
    name: "majority_one_too_few",
    breaks: "an epoch is decided by one voter fewer than a majority: two proposers may decide two",
    edits: [
      {
        file: `${RING}/paxos/proposal.ts`,
        search: "return Math.floor(this.#voters.length / 2) + 1;",
        replace: "return Math.max(1, Math.floor(this.#voters.length / 2));",
      },
    ],
  },
  {
    name: "promise_forgotten",
    breaks: "a voter votes for a ballot below the one that it has promised",
    edits: [
      {
        file: `${RING}/paxos/acceptor.ts`,
        search: "if (promised !== undefined && compareBallots(ballot, promised) < 0)",
        replace:
          'if (promised !== undefined && message.kind === "prepare" && compareBallots(ballot, promised) < 0)',
      },
    ],
  },
  {
    name: "hint_not_to_whoever_gains",
    breaks: "a hint for an owner before a change goes to that one alone while the change moves the partition",
    edits: [
      {
        file: "node/core/handoff/hint-recipients.ts",
        search: "return before.includes(owner) ? after",
        replace: "return before.length === 0 ? after",
      },
    ],
  },
  {
    name: "hint_to_the_old_owner_only",
    breaks: "a hint for a node that owns its key no more goes to that node alone, a member or not",
    edits: [
      {
        file: "node/core/handoff/hint-recipients.ts",
        search: "return owners.includes(owner) ? [owner,",
        replace: "return owners.length > 0 ? [owner,",
      },
    ],
  },
];
