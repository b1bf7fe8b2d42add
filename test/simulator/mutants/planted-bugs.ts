import { CONVERGENCE_BUGS } from "./convergence-bugs.ts";
import type { PlantedBug } from "./planted-bug.ts";
import { RING_BUGS } from "./ring-bugs.ts";
import { SEAL_BUGS } from "./seal-bugs.ts";

const STORAGE = "node/core/storage";
const COORDINATOR = "node/core/coordinator";

/** The bugs that each exploration must be able to find; see planted-bug.ts. */
export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: "ack_before_sync",
    breaks: "the writer releases its acknowledgements before the commit",
    edits: [
      {
        file: `${STORAGE}/group-commit.ts`,
        search: "      batch.data.commit();\n",
        replace: "      this.#release(batch, undefined);\n      batch.data.commit();\n",
      },
      {
        file: `${STORAGE}/group-commit.ts`,
        search: "    this.#writesMax *= 2;\n    this.#release(batch, undefined);\n",
        replace: "    this.#writesMax *= 2;\n",
      },
    ],
  },
  {
    name: "dot_reused_after_lost_row",
    breaks: "the counter is the row's maximum plus one, without an epoch from memory",
    edits: [
      {
        file: "node/core/version/actor.ts",
        search: "    for (;;) {\n      this.#lastEpoch += 1;\n",
        replace:
          "    const reused = `${this.#databaseActor}#1` as ActorId;\n" +
          "    if (reused.length > 0) return { actor: reused, n: highestOf(coverage, reused) + 1 };\n" +
          "    for (;;) {\n      this.#lastEpoch += 1;\n",
      },
    ],
  },
  {
    name: "dot_reused_after_failed_commit",
    breaks: "the actor is kept after a commit that failed",
    edits: [
      {
        file: `${STORAGE}/group-commit.ts`,
        search: "    this.#mint.renew(drawId(this.#parts.random));\n",
        replace: "",
      },
    ],
  },
  {
    name: "dot_reused_after_restart",
    breaks: "the actor is the database's, not the process's: restored disks repeat dots",
    edits: [
      {
        file: `${STORAGE}/group-commit.ts`,
        search: "new ActorMint(drawId(parts.random))",
        replace: "new ActorMint(rememberedActor(parts.data) ?? drawId(parts.random))",
      },
      {
        file: `${STORAGE}/group-commit.ts`,
        search: "function handedOut(",
        replace:
          "function rememberedActor(database: Database): string | undefined {\n" +
          "  const row = database.scan(undefined, 1_000).find(({ mine }) => mine.length > 0);\n" +
          "  return row === undefined ? undefined : String.fromCharCode(...row.mine).slice(0, 16);\n" +
          "}\n\nfunction handedOut(",
      },
    ],
  },
  {
    name: "put_context_covers_more_than_its_dot",
    breaks: "a put answers with the whole record's coverage",
    edits: [
      {
        file: `${COORDINATOR}/put.ts`,
        search: "sealContext(withDot(write.seen, local.dot),",
        replace: "sealContext(decodeRecord(local.record).coverage,",
      },
      {
        file: `${COORDINATOR}/put.ts`,
        search: 'import { encodeCoverage } from "../version/coverage-codec.ts";',
        replace:
          'import { encodeCoverage } from "../version/coverage-codec.ts";\nimport { decodeRecord } from "../version/record-codec.ts";',
      },
    ],
  },
  {
    name: "delta_instead_of_whole_record",
    breaks: "peers are sent the new value under the whole record's coverage",
    edits: [
      {
        file: `${STORAGE}/apply-write.ts`,
        search: "    record: bytes,\n",
        replace:
          "    record: encodeRecord({ ...after, siblings: after.siblings.filter((sibling) => sibling.dot === dot) }),\n",
      },
    ],
  },
  {
    name: "stand_in_not_found_counted_at_once",
    breaks: "a stand-in that never saw the key outvotes its owners",
    edits: [
      {
        file: "node/core/quorum/read-tally.ts",
        search: "ignorant > 0 && this.#allOwnersHeard()",
        replace: "ignorant > 0",
      },
    ],
  },
  {
    name: "leftover_copy_counted_at_once",
    breaks: "what an owner of before a ring change has left outvotes the owners",
    edits: [
      {
        file: "node/core/quorum/read-tally.ts",
        search: " && vote.keptFor.length > 0",
        replace: "",
      },
    ],
  },
  {
    name: "merge_tests_the_vector_only",
    breaks: "loose dots are forgotten when copies are merged",
    edits: [
      {
        file: "node/core/version/record.ts",
        search: "else if (order < 0 && !covers(right.coverage, mine!.dot)) kept",
        replace:
          "else if (order < 0 && mine!.dot.n > (right.coverage.vector.get(mine!.dot.actor) ?? 0)) kept",
      },
      {
        file: "node/core/version/record.ts",
        search: "else if (order > 0 && !covers(left.coverage, theirs!.dot)) kept",
        replace:
          "else if (order > 0 && theirs!.dot.n > (left.coverage.vector.get(theirs!.dot.actor) ?? 0)) kept",
      },
    ],
  },
  {
    name: "read_repair_by_last_writer",
    breaks: "of two copies that differ a read keeps the one with the later time",
    edits: [
      {
        file: `${COORDINATOR}/read-round.ts`,
        search: "for (const other of others) record = merge(record, decodeRecord(other.record));",
        replace:
          "const at = (of: KeyRecord): number => Math.max(0, ...of.siblings.map(({ modifiedMs }) => modifiedMs));\n" +
          "    for (const other of others.map((found) => decodeRecord(found.record))) if (at(other) > at(record)) record = other;",
      },
    ],
  },
  {
    name: "digest_mismatch_ignored",
    breaks: "a digest that differs counts as a vote for the record at hand",
    edits: [
      {
        file: `${COORDINATOR}/read-round.ts`,
        search: "if (unknown.length === 0) return round.result(true);",
        replace: "if (unknown.length >= 0) return round.result(true);",
      },
    ],
  },
  {
    name: "forwarded_again",
    breaks: "a node that is handed a request hands it on",
    edits: [
      {
        file: `${COORDINATOR}/coordinator.ts`,
        search: "return encodeOutcome(await this.#coordinate(prepared, coordination));",
        replace: "return encodeOutcome(await this.#route(prepared));",
      },
    ],
  },
  {
    name: "checksum_not_verified",
    breaks: "a rotten row is served",
    edits: [
      {
        file: `${STORAGE}/row-check.ts`,
        search: "return compareBytes(hash.md5(row.record), row.digest) === 0;",
        replace: "return hash.md5(row.record).length === row.digest.length;",
      },
    ],
  },
  {
    name: "refusal_counted_as_acknowledgement",
    breaks: "a node that could not keep a write counts for W",
    edits: [
      {
        file: "node/core/quorum/write-tally.ts",
        search: "  failed(node: NodeId): void {\n",
        replace: "  failed(node: NodeId): void {\n    this.acked(node);\n",
      },
    ],
  },
  {
    name: "blind_put_overwrites",
    breaks: "a put supersedes what its client never saw",
    edits: [
      {
        file: "node/core/version/record.ts",
        search: "const siblings = unseenSiblings(record, seen);",
        replace: "const siblings: Sibling[] = seen.vector.size > 0 ? unseenSiblings(record, seen) : [];",
      },
    ],
  },
  {
    name: "delete_rests_on_any_tombstone",
    breaks: "a retry of a delete is acknowledged because its first attempt left a tombstone somewhere",
    edits: [
      {
        file: `${COORDINATOR}/delete.ts`,
        search: " && isKept(holders, plan)) return",
        replace: ") return",
      },
    ],
  },
  {
    name: "delete_rests_on_stand_ins",
    breaks: "a delete is acknowledged because stand-ins that never saw the key have nothing to delete",
    edits: [
      {
        file: `${COORDINATOR}/delete.ts`,
        search: "const restsOnOwners = ownersAnswered >= plan.quorum.r;",
        replace: "const restsOnOwners = ownersAnswered >= 0;",
      },
    ],
  },
  {
    name: "hint_forgotten_before_ack",
    breaks: "a stand-in forgets its copy when it sends it, not when the owner has it",
    edits: [
      {
        file: "node/core/handoff/hint-handover.ts",
        search: "    const fates = await Promise.all(asked",
        replace:
          "    void this.#parts.store.forgetHint({ position, digest: hint.digest, owner });\n    const fates = await Promise.all(asked",
      },
    ],
  },
  {
    name: "hint_forgotten_though_changed",
    breaks: "a write that came in while its hint was delivered is forgotten with it",
    edits: [
      {
        file: `${STORAGE}/forget-hint.ts`,
        search: "  if (owed === undefined || compareBytes(owed, digest) !== 0) return row;\n",
        replace: "  if (owed === undefined || digest.length === 0) return row;\n",
      },
    ],
  },
  {
    name: "hint_for_two_forgotten_after_one",
    breaks: "a copy that is kept for two owners goes when the first of them has it",
    edits: [
      {
        file: `${STORAGE}/forget-hint.ts`,
        search: "return keptFor.length === 0 ? undefined : { ...row, keptFor };",
        replace: "return keptFor.length >= 0 ? undefined : { ...row, keptFor };",
      },
    ],
  },
  {
    name: "missed_put_forgotten",
    breaks: "nobody remembers an owner that missed a put and has no stand-in",
    edits: [
      {
        file: `${COORDINATOR}/owner-marks.ts`,
        search: "store.mark({ position, owners })",
        replace: "store.store({ position, record, keptFor: [] })",
      },
    ],
  },
  {
    name: "stalled_node_convicts_others",
    breaks: "silence is read off a clock, which runs on while the node itself is stopped",
    edits: [
      {
        file: "node/core/membership/failure-detector.ts",
        search:
          "    if (lateMs > DETECTOR.stallMs) {\n      this.#stallEndMs = nowMs;\n      return { probe: [], stalledMs: lateMs };\n    }\n    this.#tick += 1;",
        replace: "    this.#tick += 1 + Math.max(0, Math.round(lateMs / DETECTOR.tickMs));",
      },
    ],
  },
  {
    name: "silence_ignored",
    breaks: "a peer that is connected is believed up, however long nothing is heard of it",
    edits: [
      {
        file: "node/core/membership/failure-detector.ts",
        search: "if (this.#ticksSince(peer.silentSince) >= DETECTOR.silentTicks) {",
        replace: "if (this.#ticksSince(peer.silentSince) >= Infinity) {",
      },
    ],
  },
  ...CONVERGENCE_BUGS,
  ...SEAL_BUGS,
  ...RING_BUGS,
];
