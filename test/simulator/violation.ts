/** What a checker found wrong. One is enough to fail a seed. */
export interface Violation {
  /** The broken promise, in snake_case: stable, counted per mutant. */
  readonly kind: ViolationKind;
  readonly atMs: number;
  readonly detail: string;
}

export type ViolationKind =
  /** I1: an acknowledged write is in no sibling, and nothing that saw it has superseded it. */
  | "acknowledged_write_lost"
  /** An acknowledgement rests on fewer than W copies on stable storage. */
  | "acknowledged_before_durable"
  /** I3: a value is there beside a write that had seen it. */
  | "superseded_value_resurrected"
  /** I3: a tombstone is forgotten while some disk holds what it deletes. */
  | "sealed_too_early"
  /** I3: what a tombstone deleted is stored again after that was forgotten. */
  | "sealed_value_resurrected"
  /** I4: healed for long enough, a deleted key is still in some table. */
  | "tombstone_not_collected"
  /** One write is shown twice in one answer. */
  | "duplicate_sibling"
  /** I11: one dot names two values. */
  | "dot_reused"
  /** A context covers a write that its holder was neither shown nor that was superseded by one. */
  | "context_covers_too_much"
  /** A context does not cover what was shown or written. */
  | "context_covers_too_little"
  /** I12: bytes that nobody wrote, or of another key. */
  | "corrupt_value_served"
  /** A read does not show what N-R+1 owners had when it began. */
  | "read_missed_durable_write"
  /** A delete was acknowledged and wrote nothing although N-R+1 owners had something when it began. */
  | "delete_missed_durable_write"
  /** A stand-in's not-found outvoted owners that were there to be asked. */
  | "not_found_too_early"
  /** I5: a hint is gone and its owner has not got what it held. */
  | "hint_lost"
  /** I9: a node removed a row that was not sealed, and that some owner, it or another, had not got all of. */
  | "dropped_too_early"
  /** I9: R + W > N over a change of the ring: reads go to owners, too few of whom have what was acknowledged before. */
  | "flipped_too_early"
  /** I9: R + W > N: owners by an earlier ring acknowledged what reads by the latest one can miss. */
  | "acknowledged_by_too_few_owners"
  /** I13: a node that lost nothing believes that it did. */
  | "loss_made_up"
  /** I4: healed for long enough: owners differ, a hint is still there, a tree is not its rows' sum, a node is recovering. */
  | "not_converged"
  /** I4: no hint is left, nothing was lost on the way, and an owner has not got what the others have. */
  | "owner_left_behind"
  /** I4: it had converged, and then it changed without a write. */
  | "did_not_rest"
  /** A Merkle leaf is not the sum of its rows although no disk lost anything. */
  | "tree_wrong"
  /** A count of tombstones is not that of the rows, or in doubt, although no disk lost or spoilt anything. */
  | "tombstones_miscounted"
  /** I8: two rings with one number, or a node that went back to an older one. */
  | "ring_forked"
  | "ring_regressed"
  /** Gossip: an older entry of a node took the place of a later one, or one that is up was not heard of. */
  | "gossip_regressed"
  | "gossip_not_spread"
  /** I13: a replica that lost data was counted for R. */
  | "amnesiac_voted"
  /** I13: a node says that it is whole and lacks what it lost, which a co-owner had all the time. */
  | "whole_too_early"
  /** I4: an exchange of copies left nothing to do, and whoever began it lacks what the peer had. */
  | "compared_and_left"
  /** "Provably not applied", and yet it is there. */
  | "refused_write_applied"
  /** A node that was handed a write handed it on. */
  | "forwarded_twice"
  /** A node believes a peer down for a silence in which it was itself not running. */
  | "convicted_too_early"
  /** A node believes a peer up from which it has heard nothing for long, although it was running. */
  | "silent_peer_believed_up"
  /** I14: no answer by the deadline. */
  | "answer_overdue"
  /** A valid request was refused as invalid, or a healed cluster does not serve. */
  | "wrongly_refused"
  /** The core threw: a broken invariant, or a promise whose rejection nobody handles. */
  | "core_threw";
