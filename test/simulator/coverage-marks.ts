/**
 * `sometimes` marks: situations that an exploration must have been in, or its green says nothing. Each run counts
 * them; a long exploration must reach all of them, the fixed seeds of the tests those that are not rare.
 */
export class CoverageMarks {
  readonly #counts = new Map<Mark, number>();

  hit(mark: Mark): void {
    this.#counts.set(mark, (this.#counts.get(mark) ?? 0) + 1);
  }

  counts(): Partial<Record<Mark, number>> {
    return Object.fromEntries(this.#counts);
  }
}

/** What the fixed seeds of the tests must have been in. */
export const REQUIRED_MARKS = [
  "siblings shown",
  "siblings reconciled",
  "tombstone shown",
  "old context sent",
  "request retried",
  "retry found its dot",
  "stand-in used",
  "stand-in coordinated",
  "hedged put",
  "hedged get",
  "loss found",
  "ring found lost",
  "loss recovered from",
  "recovered copies checked",
  "read repaired",
  "request forwarded",
  "hint delivered",
  "hint not acknowledged",
  "handoff interrupted",
  "handoff in several batches",
  "quorum unreachable",
  "answer with fewer owners than R",
  "read checked against durable copies",
  "read after a loss checked",
  "delete that wrote nothing checked",
  "connection lost",
  "message lost or doubled",
  "netsplit",
  "one-way netsplit",
  "link clogged",
  "peer believed down for its silence",
  "peer believed down for leaving all unanswered",
  "peer believed slow",
  "node noticed its own stall",
  "process paused",
  "node killed",
  "power lost at one node",
  "power lost everywhere",
  "crash in commit",
  "crash in commit, commit survived",
  "crash in commit, commit lost",
  "commit failed",
  "disk full",
  "read failed",
  "ring lost",
  "ring learnt from a peer",
  "row rotten",
  "rotten row found",
  "row lost",
  "database lost",
  "hints lost alone",
  "hints rolled back alone",
  "loss of hints found",
  "old snapshot restored",
  "wall clock jumped",
  "two writes in one commit",
  "stale read",
  "silent node's request handed on",
  "owner remembered that missed a put",
  "marker stored",
  "marker removed",
  "marker without its record dropped",
  "hint refused by limit",
  "peer disconnected",
  "convicted peer acquitted",
  "slow peer is prompt again",
  "gossip exchanged",
  "node isolated",
  "leaf rotten",
  "root rotten",
  "wrong root found by an exchange",
  "tombstones counted again",
  "anti-entropy pulled a record",
  "anti-entropy pushed a record",
  "anti-entropy found all equal",
  "anti-entropy failed",
  "anti-entropy postponed",
  "scrub found a rotten row",
  "scrub rebuilt a leaf",
  "rotten row fetched from a co-owner",
  "peer call timed out",
  "owner missed a put and was not remembered",
  "tombstones sealed",
  "seal round given up",
  "key written after it was sealed",
  "ring change begun",
  "ring change flipped",
  "ring change ended",
  "ring change cancelled",
  "member left",
  "spare became a member",
  "moved copies checked",
] as const;

/** Situations that it takes hundreds of seeds to get into. */
export const RARE_MARKS = [
  "rotten row lost for good",
  "rotten hint struck off",
  "rotten row that a co-owner could not give",
  "scrub read failed",
  "anti-entropy merged concurrent copies",
] as const;

export type Mark = (typeof REQUIRED_MARKS)[number] | (typeof RARE_MARKS)[number];
