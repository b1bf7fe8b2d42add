/**
 * JSON of the admin API and of the client port's routing table: a contract for the operator, the CLI, the client
 * and the tests. Fields may be added, never renamed or removed. Node ids are UUIDs, addresses `host:port`.
 */
import type { AdminSealRound } from "./admin-seal-types.ts";

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
  /** Of the seal rounds that this node begins, in which all members agree on what can be forgotten of deleted keys. */
  readonly seals: {
    /** How the last one ended; null before the first. */
    readonly lastRound: AdminSealRound | null;
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
  /** Copies in partitions that it does not own (any more); left out by releases that do not hand them over. */
  readonly misplaced?: {
    /** Null until it has looked since the last ring. */
    readonly keys: number | null;
    /** Owners that are away: some of the copies stay until they are back. */
    readonly waitsFor: readonly string[];
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
  /** Of the document: 1 as formed, 2 once it can change. Left out, like those that follow, by releases that know one only. */
  readonly format?: number;
  /** The oldest epoch of this generation whose reads and writes replicas serve; the epoch itself in format 1. */
  readonly acceptsFrom?: number;
  /** Ids of nodes that are members no more and may keep copies or hints: what was deleted is not forgotten before they say so. */
  readonly departed?: readonly string[];
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
