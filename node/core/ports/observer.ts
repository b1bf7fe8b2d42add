/**
 * What the core has to say to logs and metrics. Events are facts in the past tense with bounded fields: never a
 * value, never a key. Adapters turn them into winston lines and prometheus samples.
 */
export interface Observer {
  event(event: CoreEvent): void;
}

/** What told a node of its loss; "restarted": an earlier process had been told, and was not whole when it ended. */
export type LossReason = "new_database" | "replaced_database" | "rolled_back" | "lost_ring" | "restarted";

export type CoreEvent =
  | { readonly kind: "put_finished"; readonly outcome: string; readonly durationMs: number }
  | {
      readonly kind: "get_finished";
      readonly outcome: string;
      readonly siblings: number;
      readonly durationMs: number;
    }
  | { readonly kind: "request_forwarded"; readonly peerId: string }
  /** The peer said nothing for too long: the next node was asked too. */
  | { readonly kind: "request_handed_on"; readonly peerId: string }
  /** This node, as a replica, refused what a peer had planned by too old a ring (ring/change/fence.ts). */
  | { readonly kind: "stale_plan_refused"; readonly peerId: string }
  /** A request that this node coordinates met a later ring, and begins again by that. */
  | { readonly kind: "planned_anew" }
  /** A write that this node coordinated did not reach this owner: remembered, or left to anti-entropy. */
  | {
      readonly kind: "owner_missed";
      readonly ownerId: string;
      readonly outcome: "marked" | "failed" | "dropped";
    }
  /** A stand-in, maybe this node, has a copy for this owner on stable storage. */
  | { readonly kind: "stand_in_used"; readonly ownerId: string; readonly standInId: string }
  | { readonly kind: "hedge_sent"; readonly operation: "put" | "get" }
  | { readonly kind: "read_repaired"; readonly peerId: string; readonly ok: boolean }
  | { readonly kind: "read_repair_dropped" }
  /** One batch of hints; `fates` has one for each (HintFate in handoff/handoff-pace.ts). */
  | {
      readonly kind: "hints_sent";
      readonly ownerId: string;
      readonly fates: readonly string[];
      readonly durationMs: number;
    }
  /** The same for a node that is no member any more: to the current owners of each hint's partition. */
  | {
      readonly kind: "orphans_sent";
      readonly ownerId: string;
      readonly fates: readonly string[];
      readonly durationMs: number;
    }
  /** Nothing is kept for it any more. */
  | { readonly kind: "orphans_handed_over"; readonly ownerId: string; readonly delivered: number }
  /** Some have yet to be acknowledged, by these nodes among others. */
  | {
      readonly kind: "orphans_waiting";
      readonly ownerId: string;
      readonly delivered: number;
      readonly waitsFor: readonly string[];
    }
  /** Nothing that could be delivered is kept for this owner any more. Only where something was. */
  | { readonly kind: "handoff_completed"; readonly ownerId: string; readonly delivered: number }
  | { readonly kind: "handoff_interrupted"; readonly ownerId: string; readonly delivered: number }
  /** This node has lost data, or goes on with what an earlier process began: until it is whole it is no voter. */
  | {
      readonly kind: "recovery_started";
      readonly reason: LossReason;
    }
  | { readonly kind: "recovery_finished" }
  /** The file of what peers acknowledged: without it a loss may go unnoticed. */
  | { readonly kind: "acknowledgements_unreadable" }
  | { readonly kind: "acknowledgements_not_saved"; readonly message: string }
  /** So many copies and markers for other owners found no room (NodeSettings.hintBytesMax). */
  | { readonly kind: "hints_refused"; readonly count: number; readonly hintBytes: number }
  /** Another node handed over what it kept for this one, and it is on stable storage here. */
  | { readonly kind: "hint_received"; readonly peerId: string }
  /** A marker hint whose record this node does not hold any more: its owner cannot be given it from here. */
  | { readonly kind: "marker_dropped"; readonly ownerId: string }
  /** What was kept for this owner ("unknown" where that has rotted too) failed its check and was struck off. */
  | { readonly kind: "hint_lost"; readonly partition: number; readonly ownerId: string }
  /** All that this node kept for others since some time ago is gone (storage/hints-life.ts). */
  | { readonly kind: "hints_database_lost"; readonly reason: "missing" | "replaced" | "rolled_back" }
  | { readonly kind: "peer_call_timed_out"; readonly peerId: string }
  /** What this node believes of a peer has changed; `reason` and `before` are of membership/peer-health.ts. */
  | {
      readonly kind: "peer_up" | "peer_slow" | "peer_down";
      readonly peerId: string;
      readonly reason: string;
      readonly before: string;
      /** How long the belief before it lasted; 0 for a peer that is met for the first time. */
      readonly lastedMs: number;
    }
  /** This node's own event loop did not run for so long: meanwhile it convicted nobody. */
  | { readonly kind: "node_stalled"; readonly durationMs: number }
  | { readonly kind: "gossip_finished"; readonly outcome: "exchanged" | "unanswered" | "refused" }
  | { readonly kind: "peer_message_refused"; readonly peerId: string; readonly reason: string }
  | { readonly kind: "row_corrupt"; readonly database: "data" | "hints" }
  /** An index had rotted, and was made anew from the rows. So many of them had been hidden, their place taken by others. */
  | {
      readonly kind: "indexes_rebuilt";
      readonly database: "data" | "hints";
      readonly rowsDisplaced: number;
    }
  /** An exchange that this node began has ended (antientropy/exchange-report.ts says what each count means). */
  | {
      readonly kind: "antientropy_exchanged";
      readonly peerId: string;
      readonly outcome: "equal" | "repaired" | "failed" | "postponed";
      /** Empty where nothing went wrong. */
      readonly reason: string;
      readonly partitionsDiffering: number;
      readonly rowsDiffering: number;
      readonly recordsPulled: number;
      readonly recordsPushed: number;
      readonly bytesSent: number;
      readonly bytesReceived: number;
      readonly durationMs: number;
    }
  /** An exchange in which this node got copies that a change of the ring moves to it. */
  | {
      readonly kind: "partitions_transferred";
      readonly peerId: string;
      readonly outcome: "equal" | "repaired" | "failed" | "postponed";
      readonly reason: string;
      /** Compared, and of those the ones in which this node now has all that the peer has. */
      readonly partitions: number;
      readonly equal: number;
      readonly recordsPulled: number;
      readonly recordsPushed: number;
      readonly bytesSent: number;
      readonly bytesReceived: number;
      readonly durationMs: number;
    }
  /** Rows in partitions that this node does not own were given to the owners, and removed where all of them have them. */
  | {
      readonly kind: "misplaced_handed_over";
      readonly partitions: number;
      readonly rowsDropped: number;
      /** Owners that are away. */
      readonly waitsFor: readonly string[];
    }
  /** What this node keeps is given up (ring/change/departed.ts): nobody gets it, and it is put aside. */
  | { readonly kind: "copies_given_up"; readonly keys: number; readonly hasHints: boolean }
  /** An owner could not be given such rows now. */
  | { readonly kind: "misplaced_not_taken"; readonly peerId: string; readonly reason: string }
  /** A question of an exchange that a peer began. */
  | {
      readonly kind: "antientropy_served";
      readonly peerId: string;
      readonly question: string;
      /** "ok", or why it was declined. */
      readonly answer: string;
      /** Of the answer. */
      readonly bytes: number;
    }
  /** A few rows of this node's data were read and checked against their digests and the tree. */
  | {
      readonly kind: "scrub_stepped";
      readonly rows: number;
      readonly corrupt: number;
      readonly leavesRebuilt: number;
    }
  /** Blocks of the tree whose root was not the sum of their leaves: found by an exchange, and written anew. */
  | { readonly kind: "tree_roots_rebuilt"; readonly blocks: number }
  | { readonly kind: "scrub_failed"; readonly message: string }
  | { readonly kind: "corrupt_rows_repaired"; readonly peerId: string; readonly rows: number }
  | { readonly kind: "corrupt_rows_not_repaired"; readonly peerId: string; readonly reason: string }
  /** No co-owner has the row either. */
  | { readonly kind: "corrupt_row_lost"; readonly partition: number; readonly isOwner: boolean }
  /** A round that this node began has ended (seal/seals.ts); `peerId` is whoever was the reason, empty where nobody was. */
  | {
      readonly kind: "seal_round_ended";
      readonly outcome: string;
      readonly peerId: string;
      readonly asked: number;
      readonly sealed: number;
    }
  /** This node was told to forget what a round has sealed: rows that are gone, and rows with fewer entries. */
  | { readonly kind: "rows_sealed"; readonly dropped: number; readonly pruned: number }
  | { readonly kind: "commit_failed"; readonly code: string; readonly message: string }
  | {
      readonly kind: "batch_committed";
      readonly writes: number;
      readonly bytes: number;
      readonly durationMs: number;
    }
  | {
      readonly kind: "ring_installed";
      readonly generation: number;
      readonly epoch: number;
      readonly hash: string;
      readonly members: number;
    }
  /** This node proposes a next epoch (ring/epoch-proposer.ts); `changeId` is empty where the step belongs to none. */
  | {
      readonly kind: "epoch_proposed";
      readonly step: string;
      readonly changeId: string;
      readonly epoch: number;
    }
  | {
      readonly kind: "epoch_proposal_ended";
      readonly step: string;
      readonly changeId: string;
      readonly epoch: number;
      readonly outcome: "decided" | "overtaken" | "unable" | "undecided";
      readonly ballots: number;
      /** Why not; empty where it was decided or overtaken. */
      readonly message: string;
      readonly durationMs: number;
    }
  /** This node has looked how far the change under way is, and its next step is not due (transfer/change-driver.ts). */
  | {
      readonly kind: "change_waited";
      readonly changeId: string;
      readonly phase: string;
      readonly moved: number;
      readonly total: number;
      /** The first of what is lacking: the partition, the node that gains it (empty after the flip), and owners there are and have to be. */
      readonly partition: number;
      readonly nodeId: string;
      readonly has: number;
      readonly needs: number;
      /** Since this node serves this phase. */
      readonly durationMs: number;
    }
  | {
      readonly kind: "ring_conflict";
      readonly epoch: number;
      readonly ours: string;
      readonly theirs: string;
      readonly peerId: string;
    };
