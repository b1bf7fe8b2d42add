/**
 * JSON of the admin API and of the client port's routing table: a contract for the operator, the CLI, the client
 * and the tests. Fields may be added, never renamed or removed. Node ids are UUIDs, addresses `host:port`.
 */

/** Every error of both ports. */
export interface ErrorBody {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly requestId: string;
    /** On 503 (and 500) only: false where the write provably left no trace. */
    readonly maybeApplied?: boolean;
  };
  /** On a 409 of a ring change: the ring that stands against it, so that whoever asked decides anew on what there is. */
  readonly ring?: AdminRing;
}

/** GET /readyz: 200 where ready, else 503. */
export interface Readiness {
  readonly ready: boolean;
  /** Why not, for people; "serving" where ready. */
  readonly reason: string;
}

export interface NodeAddress {
  readonly id: string;
  /** host:port of its peer listener; empty where this node has not heard of it yet. */
  readonly address: string;
  readonly zone: string;
}

/**
 * `no_ring`: waits to be formed into a ring, or to be made a member of one. `left`: was a member and is none any more: it
 * serves no client, and hands over what it still has. `read_only`: gets are served, writes refused (disk).
 */
export type NodeState = "starting" | "no_ring" | "serving" | "recovering" | "read_only" | "draining" | "left";

/** GET /admin/v1/status */
export interface AdminStatus {
  readonly node: NodeAddress & {
    readonly version: string;
    /** host:port of its client listener. */
    readonly clientAddress: string;
  };
  readonly state: NodeState;
  /** Why it is not simply serving, for people; empty where it is, or where the state says it all. */
  readonly stateReason: string;
  readonly clusterId: string;
  /** Epoch 0 and an empty hash without a ring. */
  readonly ring: { readonly epoch: number; readonly hash: string };
  readonly hints: {
    /** Hints that this node keeps, by the owner they wait for. */
    readonly pending: Readonly<Record<string, number>>;
    /** Those of them that are markers: no copy, only who missed one. */
    readonly markers: number;
    /** In use in hints.db; at `bytesMax` new hints are refused. */
    readonly bytes: number;
    readonly bytesMax: number;
    /** Why hints.db is not the one that was there before; null where it is, and once all members compare. */
    readonly lost: "missing" | "replaced" | "rolled_back" | null;
  };
  /** Keys of data.db whose siblings are all tombstones. */
  readonly tombstones: {
    readonly count: number;
    /** True while all rows are counted again, because a disk lost or spoilt some, or an earlier build did not count. */
    readonly inDoubt: boolean;
  };
  /** The other members, by what this node believes of them. */
  readonly peers: Readonly<Record<PeerBelief, number>>;
  readonly antiEntropy: {
    /** How the last exchange with each co-owner ended, by its id; none yet where it is missing. */
    readonly lastExchange: Readonly<Record<string, AdminLastExchange>>;
  };
  /** Its own copies, and the volume that they are on. */
  readonly storage: {
    /** Keys in data.db, tombstones and misplaced copies included; hints are not. */
    readonly keys: number;
    /** Size of data.db and its log. */
    readonly bytes: number;
    /** Free for unprivileged users. */
    readonly volumeFreeBytes: number;
  };
  readonly recovery: {
    /** True while this node has not got back what its disk lost: writes go on and count, its reads are no votes. */
    readonly recovering: boolean;
    /** Partitions that were not yet compared with every co-owner; 0 where it is not recovering. */
    readonly partitionsLeft: number;
  };
  readonly uptimeSeconds: number;
}

/**
 * The last comparison that this node began, or that the other began and that found all equal. How one went that the
 * other began and that found differences, only the other tells.
 */
export interface AdminLastExchange {
  readonly agoMs: number;
  /** "equal": nothing differed. "failed": not all that differed could be moved; `reason` says why. */
  readonly outcome: "equal" | "repaired" | "failed";
  readonly reason: string;
  readonly recordsMoved: number;
  /** Since all that both own was found equal; null where it never was since the node started. */
  readonly equalAgoMs: number | null;
}

/** `slow`: heard, but late with reads or writes; it is asked after the others. */
export type PeerBelief = "up" | "slow" | "down";

/** GET /admin/v1/members: members of the ring and peers that are none yet, ascending by id, this node included. */
export interface AdminMembers {
  readonly members: readonly AdminMember[];
}

export interface AdminMember extends NodeAddress {
  readonly version: string;
  /** host:port of its client listener; empty where unknown. */
  readonly clientAddress: string;
  /** Its state in the ring; "none" where it is not a member. */
  readonly state: "active" | "joining" | "leaving" | "none";
  /** Whether this node can reach it now; true for itself. */
  readonly reachable: boolean;
  readonly self: boolean;
  /** What this node believes of it; "up" for itself. Local: others may believe something else. */
  readonly believed: PeerBelief;
  /** Why: heard, late, never_connected, disconnected, silent (nothing is heard) or deaf (heard, but answers nothing). */
  readonly reason: string;
  /** ISO 8601; null unless it is believed down, and for a node that was never met. */
  readonly downSince: string | null;
  /** Of its process, as it says itself; 0 where nothing has been heard of it. Grows with each start. */
  readonly incarnation: number;
  /** What it says of its own state (serving, recovering, draining, read_only, no_ring); empty where unknown. */
  readonly condition: string;
  /** Ids of nodes, believed up here, which say that they believe it down. */
  readonly suspectedBy: readonly string[];
}

/** GET /admin/v1/ring; 404 `no_ring` without one. */
export interface AdminRing {
  readonly clusterId: string;
  readonly generation: number;
  readonly epoch: number;
  readonly hash: string;
  readonly parameters: {
    readonly partitions: number;
    readonly replicas: number;
    readonly hash: string;
    readonly leafFormat: number;
  };
  readonly featureLevel: number;
  readonly members: readonly { readonly id: string; readonly zone: string; readonly state: string }[];
  /** For each partition the index into `members` of the node that owns it. */
  readonly owners: readonly number[];
  readonly change: { readonly changeId: string; readonly type: string; readonly phase: string } | null;
}

/** GET /admin/v1/preference-list/{bucket}/{key} */
export interface AdminPreferenceList {
  /** 32 hex digits. */
  readonly position: string;
  readonly partition: number;
  readonly owners: readonly NodeAddress[];
  readonly fallbacks: readonly NodeAddress[];
}

/** GET /admin/v1/replica/{bucket}/{key}: this node's own copy; 404 where it has none. Never the values. */
export interface AdminReplica {
  readonly position: string;
  readonly partition: number;
  /** Actor to highest contiguous counter. */
  readonly versionVector: Readonly<Record<string, number>>;
  /** Actor to counters that are not contiguous yet. */
  readonly looseDots: Readonly<Record<string, readonly number[]>>;
  /** The siblings, ascending by dot. */
  readonly dots: readonly AdminDot[];
  /** True where every sibling is a tombstone. */
  readonly tombstone: boolean;
  /** Ids of the owners that this copy is kept for; empty for an owner's own copy. */
  readonly keptFor: readonly string[];
}

export interface AdminDot {
  readonly actor: string;
  readonly n: number;
  readonly tombstone: boolean;
  readonly valueBytes: number;
  readonly contentType: string;
  /** ISO 8601. */
  readonly modified: string;
  readonly requestId: string;
}

/** GET /admin/v1/partitions: those that this node holds, ascending; 503 `no_ring` without a ring. */
export interface AdminPartitions {
  readonly partitions: readonly AdminPartition[];
}

export interface AdminPartition {
  readonly partition: number;
  /** "misplaced": the node has rows of it and does not own it. */
  readonly role: "owner" | "misplaced";
  /** Tombstones included. */
  readonly keys: number;
  /** 32 hex digits: equal on two owners where their copies are. */
  readonly root: string;
}

/** POST /admin/v1/anti-entropy?timeout_ms=60000: what came of comparing with every co-owner now. */
export interface AdminRepair {
  readonly exchanges: readonly AdminExchange[];
  readonly recordsMoved: number;
  /** Both ways, of message bodies. */
  readonly bytesMoved: number;
}

export interface AdminExchange {
  /** Id of the co-owner. */
  readonly peer: string;
  /** "postponed": it was busy with others until time was up. */
  readonly outcome: "equal" | "repaired" | "failed" | "postponed";
  /** Why not; empty where nothing went wrong. */
  readonly reason: string;
  readonly partitionsCompared: number;
  readonly partitionsDiffering: number;
  readonly leavesDiffering: number;
  readonly rowsCompared: number;
  readonly rowsDiffering: number;
  readonly recordsPulled: number;
  readonly recordsPushed: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Partitions in which the node now has all that the co-owner had. */
  readonly partitionsCovered: number;
  readonly durationMs: number;
}

/** POST /admin/v1/ring/form */
export interface FormRingRequest {
  /** Lower-case letters, digits and `-`; 1 to 63. */
  readonly clusterId: string;
  /** Ids of the nodes, this one included; 1 to 1,000, each once. */
  readonly members: readonly string[];
  /** Q: a power of two, 8 to 65,536; 256 where missing. Fixed for the cluster's life. */
  readonly partitions?: number;
  /** N: 1 to 7; 3 where missing. Fixed for the cluster's life. */
  readonly replicas?: number;
}

/** Its answer, 200. Forming the same ring again answers the same. */
export interface FormRingResult {
  readonly clusterId: string;
  readonly epoch: number;
  readonly hash: string;
}

/**
 * POST /admin/v1/ring/plan: what a change would move, on the ring as it is now. Changes nothing; it needs the token all
 * the same, because it can cost a second of the node's time.
 */
export interface PlanRingChangeRequest {
  readonly type: RingChangeType;
  /** Ids of nodes that are no members yet; none where the type is leave. At most 500. */
  readonly joining?: readonly string[];
  /** Ids of members; none where the type is join. In a replace each goes for the joining node at the same place. */
  readonly leaving?: readonly string[];
}

export type RingChangeType = "join" | "leave" | "replace";

/** Its answer, 200; refused with the codes of a change (RingChangeRequest). */
export interface RingPlan {
  /** The ring that it is planned on. */
  readonly generation: number;
  readonly epoch: number;
  readonly hash: string;
  readonly type: RingChangeType;
  readonly joining: readonly string[];
  readonly leaving: readonly string[];
  /** Every node before or after, ascending by id. */
  readonly nodes: readonly RingPlanNode[];
  /** Copies that are made, in the order of partitions. */
  readonly transfers: readonly RingPlanTransfer[];
  /** The least that any plan with these copies on each node moves. */
  readonly copiesMovedMin: number;
  /** Partitions that change their owner, and the least that any plan with these loads changes. */
  readonly ownersMoved: number;
  readonly ownersMovedMin: number;
  /**
   * Estimated: the keys of a partition by what the node that was asked keeps of it, a partition of which it keeps nothing
   * by the mean of the others, a key by its mean share of data.db. Null where its disk gave no answer.
   */
  readonly bytesMoved: number | null;
}

export interface RingPlanNode extends NodeAddress {
  /** Partitions that the ring gives it; 0 before it joins and after it left. */
  readonly owned: { readonly before: number; readonly after: number };
  /** Partitions that it keeps a copy of. */
  readonly copies: { readonly before: number; readonly after: number };
  /** Estimated like `bytesMoved`: what it receives. */
  readonly bytesGained: number | null;
}

export interface RingPlanTransfer {
  readonly partition: number;
  /** Who gives its copy up for this one; null where the partition has one copy more than before. */
  readonly from: string | null;
  readonly to: string;
}

/**
 * POST /admin/v1/ring/changes, to any member: asks for a change. 200 once its begin is decided, or was by an earlier
 * submission of the same `changeId`; how it goes on is GET …/current.
 *
 * - 400 `invalid_request`, or a request that no ring could grant: `nothing_to_change`, `wrong_type`, `unequal_replacement`, `named_twice`.
 * - 409, with the ring: `epoch_passed` (the ring is another than the one asked for), `overtaken` (another change was decided), or a
 *   refusal: `change_under_way`, `unknown_node`, `already_member`, `too_few_members`, `too_many_members`, `feature_level` (a member's release
 *   cannot read a ring that changes), `not_joinable` (a node that shall join is not reachable, has a ring or has not said which ring store it has).
 * - 503 `no_ring`; `undecided` with `maybeApplied: true`: no majority decided in time, and a later proposal may still finish it.
 */
export interface RingChangeRequest extends PlanRingChangeRequest {
  /** 1 to 128 of `A-Z a-z 0-9 . _ -`. Sent again it is no second change. */
  readonly changeId: string;
  /** Epoch of the ring that whoever asks has seen. */
  readonly epoch: number;
}

/**
 * POST /admin/v1/ring/changes/cancel: back to the owners before. 200 once it is decided. 409, with the ring: `no_change`,
 * `other_change`, `wrong_phase` (it has flipped: let it end, then ask for the reverse), `overtaken`. 503 as above.
 */
export interface CancelRingChangeRequest {
  readonly changeId: string;
}

/** Answer of both, 200: the ring that was decided. */
export interface RingChangeResult {
  readonly changeId: string;
  readonly generation: number;
  readonly epoch: number;
  readonly hash: string;
}

/** GET /admin/v1/ring/changes/current: how far the change is, as far as this node has heard; `{}` without one. */
export interface RingChangeProgress {
  readonly changeId: string;
  readonly type: RingChangeType;
  /** transfer: reads go to the owners before. flipped: to those after. Writes go to both. */
  readonly phase: "transfer" | "flipped";
  /** Of the ring that this is told of. */
  readonly epoch: number;
  /** The first of those that join, else of those that leave. */
  readonly node: string;
  readonly joining: readonly string[];
  readonly leaving: readonly string[];
  /** Copies that are complete, and that have to be. */
  readonly moved: number;
  readonly total: number;
  /** The same for each node that gets copies, ascending by id. */
  readonly nodes: readonly { readonly id: string; readonly moved: number; readonly total: number }[];
  /** What its next step waits for, for people; empty where it is due. */
  readonly waitsFor: string;
}

/**
 * POST /admin/v1/ring/recover, to any survivor, after most of those that decide are lost for good: the survivors go on in a higher
 * generation. 409, with the ring: `majority_survives` (use leave or replace), `epoch_passed`. 400: `unknown_node`,
 * `invalid_document`. 503 `members_unreachable` or `undecided`, `maybeApplied: true` where some may have accepted it: send it again.
 */
export interface RecoverRingRequest {
  /** Ids of all members that survive, the node that is asked included. */
  readonly survivors: readonly string[];
  /** Of the ring that whoever asks has seen. */
  readonly generation: number;
  readonly epoch: number;
}

/** Its answer, 200: the ring that all survivors have accepted. */
export interface RecoverRingResult {
  readonly generation: number;
  readonly epoch: number;
  readonly hash: string;
}

/** GET /v1/ring on the client port: enough for a client to send a key to one of its owners. */
export interface RoutingTable {
  readonly clusterId: string;
  readonly epoch: number;
  readonly hash: string;
  /** Position of a key: md5(LEB128 length of bucket · bucket · key); its partition: the top bits. */
  readonly partitions: number;
  readonly replicas: number;
  readonly members: readonly RoutingMember[];
  /** For each partition the indexes into `members` of its owners, the first coordinator first. */
  readonly owners: readonly (readonly number[])[];
}

export interface RoutingMember {
  readonly id: string;
  /** host:port of its client listener; empty where unknown. */
  readonly address: string;
  readonly zone: string;
  /** Whether the node that was asked believes it up. */
  readonly reachable: boolean;
}
