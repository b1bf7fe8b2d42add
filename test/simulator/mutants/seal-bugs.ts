import type { PlantedBug } from "./planted-bug.ts";

/** Of what seal rounds forget; see planted-bug.ts. */
export const SEAL_BUGS: readonly PlantedBug[] = [
  {
    name: "tombstone_collected_with_a_hint_outstanding",
    breaks: "a member asked what it holds of a deleted key looks at its own data alone, not at its hints",
    edits: [
      {
        file: "node/core/storage/seal-rows.ts",
        search: "return [tables.data, tables.hints].every((table) => {",
        replace: "return [tables.data].every((table) => {",
      },
    ],
  },
  {
    name: "tombstone_collected_without_an_absent_member",
    breaks: "a member that is away is taken to hold nothing of a deleted key",
    edits: [
      {
        file: "node/core/seal/seal-round.ts",
        search: 'if (answer === undefined) return noRound("silent", id);',
        replace: "if (answer === undefined) continue;",
      },
      {
        file: "node/core/seal/seal-round.ts",
        search: "answers.get(id)!.steadyMs < sinceFirstMs",
        replace: "(answers.get(id)?.steadyMs ?? Infinity) < sinceFirstMs",
      },
      {
        file: "node/core/seal/seals.ts",
        search: "id !== self && !isConnected(id)",
        replace: "id !== self && id === undefined",
      },
      {
        file: "node/core/seal/seals.ts",
        search: "find(({ id }) => !marks.has(id))",
        replace: "find(({ id }) => id === undefined)",
      },
    ],
  },
  {
    name: "deleted_value_taken_for_covered",
    breaks: "a copy counts as part of a tombstone because the tombstone has seen it",
    edits: [
      {
        file: "node/core/seal/sealed-record.ts",
        search:
          "return held.siblings.every(({ dot }) => sealed.siblings.some((sibling) => sameDot(sibling.dot, dot)));",
        replace:
          "return held.siblings.every(({ dot }) => dot.n > 0 || sealed.siblings.some((each) => sameDot(each.dot, dot)));",
      },
    ],
  },
  {
    name: "sealed_row_stays_in_the_count",
    breaks: "a tombstone that was sealed is still counted",
    edits: [
      {
        file: "node/core/storage/seal-rows.ts",
        search: "    data.addTombstones(sealed.position, isTombstone(own.record) ? -1 : 0);\n",
        replace: "",
      },
    ],
  },
  {
    name: "later_write_sealed",
    breaks: "who is told to forget a key does not look at what it holds by then",
    edits: [
      {
        file: "node/core/storage/seal-rows.ts",
        search: "  if (!isHeldAlone(sealed, tables)) return { dropped: 0, pruned: 0 };\n",
        replace: "",
      },
    ],
  },
];
