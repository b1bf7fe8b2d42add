import type {
  AdminMember,
  AdminMembers,
  AdminPreferenceList,
  AdminReplica,
  AdminRing,
  AdminStatus,
  NodeAddress,
  NodeState,
  PeerBelief,
  Readiness,
  RoutingTable,
} from "../contract/admin-types.ts";
import type { AdminSealRound } from "../contract/admin-seal-types.ts";
import type { AntiEntropy } from "../core/antientropy/anti-entropy.ts";
import type { KeyOfBucket } from "../core/coordinator/requests.ts";
import type { NodeId } from "../core/node-id.ts";
import type { Hash } from "../core/ports/hash.ts";
import type { PeerDescription } from "../core/ports/peer-directory.ts";
import type { MerkleStore } from "../core/ports/merkle-store.ts";
import type { TombstoneCount } from "../core/ports/tombstone-store.ts";
import type { Timers } from "../core/ports/timers.ts";
import type { ReplicaStore } from "../core/ports/replica-store.ts";
import { partitionOf, positionOf } from "../core/ring/position.ts";
import type { Recovery } from "../core/recovery/recovery.ts";
import type { RingKeeper } from "../core/ring/ring-keeper.ts";
import type { MisplacedState } from "../core/transfer/misplaced-copies.ts";
import type { LastRound, Seals } from "../core/seal/seals.ts";
import { isTombstone } from "../core/version/record.ts";
import { decodeRecord } from "../core/version/record-codec.ts";
import { describeLastExchanges, describePartitions, describeRepair } from "./anti-entropy-admin.ts";
import { type AdoptionOutcome, objectionTo } from "./identity-adoption.ts";
import { knownPeers, type PeerSources } from "./known-peers.ts";
import type {
  FormRingOutcome,
  NodeAdmin,
  PartitionsOutcome,
  RepairOutcome,
  ReplicaOutcome,
  RingFormation,
} from "./node-admin.ts";
import { readInTime } from "./read-in-time.ts";

/** What a running node knows of itself, gathered for the admin API. It reads, but for `formRing` and `adoptIdentity`. */
export interface AdminParts extends PeerSources {
  readonly ring: RingKeeper;
  readonly store: ReplicaStore & MerkleStore;
  readonly antiEntropy: AntiEntropy;
  readonly hash: Hash;
  readonly isReadOnly: () => boolean;
  /** Empty where it is not. */
  readonly readOnlyReason: () => string;
  readonly isDraining: () => boolean;
  readonly recovery: Pick<Recovery, "isRecovering" | "partitionsLeft">;
  readonly misplaced: () => MisplacedState;
  readonly hints: () => AdminStatus["hints"];
  /** Rows in both databases. */
  readonly rows: () => number;
  readonly tombstones: () => TombstoneCount;
  readonly seals: Pick<Seals, "lastRound">;
  readonly storage: () => AdminStatus["storage"];
  /** Writes the id down and ends the process soon. */
  readonly adopt: (id: NodeId) => void;
  readonly timers: Pick<Timers, "after">;
  readonly startedMs: number;
  readonly nowMs: () => number;
}

const UNREADY = {
  starting: "the node is starting",
  no_ring: "the node is not a member of a ring yet",
  draining: "the node is shutting down",
  left: "the node has left the ring: it hands over what it keeps, and can be stopped once that is nothing",
} as const satisfies Partial<Record<NodeState, string>>;

const FORM_TIMEOUT_MS = 10_000;

export class DynamoNodeAdmin implements NodeAdmin {
  readonly #parts: AdminParts;

  constructor(parts: AdminParts) {
    this.#parts = parts;
  }

  ready(): Readiness {
    const state = this.#state();
    if (state === "serving" || state === "recovering" || state === "read_only")
      return { ready: true, reason: "serving" };
    return { ready: false, reason: UNREADY[state] };
  }

  status(): AdminStatus {
    const { self, ring, hints, tombstones, storage, startedMs, nowMs } = this.#parts;
    const current = ring.current();
    return {
      node: { ...addressOf(self), version: self.version, clientAddress: self.clientAddress },
      state: this.#state(),
      stateReason: this.#stateReason(),
      clusterId: current?.clusterId ?? "",
      ring: { epoch: current?.epoch ?? 0, hash: ring.hash() },
      hints: hints(),
      tombstones: tombstones(),
      seals: { lastRound: describeRound(this.#parts.seals.lastRound()) },
      peers: this.#peerCounts(),
      antiEntropy: { lastExchange: describeLastExchanges(this.#parts.antiEntropy.lastExchanges()) },
      storage: storage(),
      misplaced: this.#misplaced(),
      recovery: this.#recovery(),
      uptimeSeconds: Math.floor((nowMs() - startedMs) / 1_000),
    };
  }

  members(): AdminMembers {
    const states = new Map(this.#parts.ring.current()?.members.map((member) => [member.id, member]));
    const known = knownPeers(this.#parts);
    const ids = [...new Set([...states.keys(), ...known.keys()])].sort();
    return { members: ids.map((id) => this.#member(id, states.get(id), known.get(id))) };
  }

  ring(): AdminRing | undefined {
    const ring = this.#parts.ring.current();
    if (ring === undefined) return undefined;
    const { clusterId, generation, epoch, parameters, featureLevel, members, owners, change } = ring;
    const elastic = ring.format === 2 ? ring : undefined;
    return {
      clusterId,
      generation,
      epoch,
      hash: this.#parts.ring.hash(),
      parameters,
      featureLevel,
      members,
      owners,
      change,
      format: ring.format,
      acceptsFrom: elastic?.acceptsFrom ?? epoch,
      departed: elastic?.departed ?? [],
    };
  }

  routingTable(): RoutingTable | undefined {
    const ring = this.#parts.ring.current();
    if (ring === undefined) return undefined;
    const known = knownPeers(this.#parts);
    const indexes = new Map(ring.members.map((member, index) => [member.id, index]));
    return {
      clusterId: ring.clusterId,
      epoch: ring.epoch,
      hash: this.#parts.ring.hash(),
      partitions: ring.parameters.partitions,
      replicas: ring.parameters.replicas,
      members: ring.members.map(({ id, zone }) => ({
        id,
        zone,
        address: known.get(id)?.clientAddress ?? "",
        reachable: this.#parts.membership.isHealthy(id),
      })),
      owners: Array.from({ length: ring.parameters.partitions }, (_, partition) =>
        this.#parts.ring.preferenceList(partition).owners.map((owner) => indexes.get(owner)!),
      ),
    };
  }

  preferenceList(key: KeyOfBucket): AdminPreferenceList | undefined {
    const located = this.#locate(key);
    if (located === undefined) return undefined;
    const { owners, fallbacks } = this.#parts.ring.preferenceList(located.partition);
    const known = knownPeers(this.#parts);
    const zones = new Map(this.#parts.ring.current()?.members.map(({ id, zone }) => [id, zone]));
    const described = (id: NodeId): NodeAddress => ({
      id,
      address: known.get(id)?.address ?? "",
      zone: zones.get(id) ?? "",
    });
    return {
      position: hex(located.position),
      partition: located.partition,
      owners: owners.map(described),
      fallbacks: fallbacks.map(described),
    };
  }

  async replica(key: KeyOfBucket): Promise<ReplicaOutcome> {
    const position = positionOf(key, this.#parts.hash);
    const read = await readInTime(
      this.#parts.store.read({ ...key, position, want: "record" }),
      this.#parts.timers,
    );
    if (read.status === "not_found") return { kind: "none" };
    if (read.status !== "found" || read.record === undefined) {
      const message = read.status === "failed" ? read.message : "the row is corrupt and is not served";
      return { kind: "failed", message };
    }
    const partition = this.#locate(key)?.partition ?? 0;
    return {
      kind: "found",
      replica: describeReplica(read.record, { position, partition, keptFor: read.keptFor }),
    };
  }

  async partitions(): Promise<PartitionsOutcome> {
    const { self, ring, store, timers } = this.#parts;
    const current = ring.current();
    if (current === undefined) return { kind: "no_ring" };
    const read = await readInTime(store.partitionRoots(current.parameters.partitions), timers);
    if (read.status === "failed") return { kind: "failed", message: read.message };
    return { kind: "found", partitions: { partitions: describePartitions(read.partitions, self.id, ring) } };
  }

  async repair(timeoutMs: number, isWanted: () => boolean): Promise<RepairOutcome> {
    const compared = await this.#parts.antiEntropy.compareNow(timeoutMs, isWanted);
    if (compared.status !== "compared") return { kind: compared.status };
    return { kind: "compared", repair: describeRepair(compared.exchanges) };
  }

  async formRing({ clusterId, members, partitions, replicas }: RingFormation): Promise<FormRingOutcome> {
    const known = knownPeers(this.#parts);
    const unknown = members.filter((id) => !known.has(id));
    if (unknown.length > 0) {
      const message = `this node has not met ${unknown.join(", ")}; check their seeds, secret and network, then try again`;
      return { kind: "members_unreachable", message };
    }
    const outcome = await this.#parts.ring.form(
      {
        clusterId,
        members: members.map((id) => ({ id, zone: known.get(id)!.zone })),
        parameters: { partitions, replicas, hash: "md5", leafFormat: 1 },
      },
      FORM_TIMEOUT_MS,
    );
    if (outcome.ok)
      return { kind: "formed", clusterId, epoch: outcome.ring.epoch, hash: this.#parts.ring.hash() };
    switch (outcome.code) {
      case "ring_exists":
      case "proposal_conflict":
        return { kind: "ring_exists", message: outcome.message };
      case "member_unreachable":
      case "storage_failed":
      case "busy":
        return { kind: "members_unreachable", message: outcome.message };
      case "invalid_request":
        return { kind: "invalid", message: outcome.message };
    }
  }

  adoptIdentity(id: NodeId): AdoptionOutcome {
    const { self, ring, directory, rows, adopt } = this.#parts;
    const objection = objectionTo(id, { self: self.id, ring, directory, rows: rows() });
    if (objection !== undefined) return { kind: "refused", message: objection };
    if (id !== self.id) adopt(id);
    return { kind: "adopted", id };
  }

  #stateReason(): string {
    const { recovering, partitionsLeft } = this.#recovery();
    if (this.#state() !== "recovering" || !recovering) return this.#parts.readOnlyReason();
    return (
      `its disk lost data that it had acknowledged; ${partitionsLeft} partitions are not yet compared with every ` +
      "co-owner: see that all of them are up"
    );
  }

  #misplaced(): NonNullable<AdminStatus["misplaced"]> {
    const { keys, waitsFor } = this.#parts.misplaced();
    return { keys: keys ?? null, waitsFor };
  }

  #recovery(): AdminStatus["recovery"] {
    const { isRecovering: recovering } = this.#parts.recovery;
    // Without a ring nobody knows how many there are: at least one.
    return { recovering, partitionsLeft: this.#parts.recovery.partitionsLeft() ?? 1 };
  }

  #state(): NodeState {
    if (this.#parts.isDraining()) return "draining";
    const standing = this.#parts.ring.standing();
    if (standing === "none") return "no_ring";
    if (standing === "left") return "left";
    if (this.#parts.isReadOnly()) return "read_only";
    return this.#parts.recovery.isRecovering ? "recovering" : "serving";
  }

  #peerCounts(): Record<PeerBelief, number> {
    const { self, ring, membership } = this.#parts;
    const counts = { up: 0, slow: 0, down: 0 };
    for (const { id } of ring.current()?.members ?? [])
      if (id !== self.id) counts[membership.view(id).belief]++;
    return counts;
  }

  #locate(key: KeyOfBucket): { position: Uint8Array; partition: number } | undefined {
    const ring = this.#parts.ring.current();
    if (ring === undefined) return undefined;
    const position = positionOf(key, this.#parts.hash);
    return { position, partition: partitionOf(position, ring.parameters.partitions) };
  }

  #member(
    id: NodeId,
    member: { zone: string; state: "active" | "joining" | "leaving" } | undefined,
    peer: PeerDescription | undefined,
  ): AdminMember {
    return {
      id,
      address: peer?.address ?? "",
      zone: member?.zone ?? peer?.zone ?? "",
      version: peer?.version ?? "",
      clientAddress: peer?.clientAddress ?? "",
      state: member?.state ?? "none",
      reachable: peer?.connected ?? false,
      ...this.#beliefs(id),
    };
  }

  #beliefs(
    id: NodeId,
  ): Pick<
    AdminMember,
    "self" | "believed" | "reason" | "downSince" | "incarnation" | "condition" | "suspectedBy"
  > {
    const { belief, reason, sinceWallMs, entry, suspectedBy } = this.#parts.membership.view(id);
    const self = id === this.#parts.self.id;
    const isDown = !self && belief === "down";
    return {
      self,
      believed: self ? "up" : belief,
      reason: self ? "heard" : reason,
      downSince: isDown && sinceWallMs !== undefined ? new Date(sinceWallMs).toISOString() : null,
      incarnation: entry?.incarnation ?? 0,
      condition: entry?.condition ?? "",
      suspectedBy,
    };
  }
}

function describeRound(round: LastRound | undefined): AdminSealRound | null {
  return round === undefined ? null : { ...round, agoMs: Math.round(round.agoMs), node: round.node ?? "" };
}

function describeReplica(
  bytes: Uint8Array,
  { position, partition, keptFor }: { position: Uint8Array; partition: number; keptFor: readonly string[] },
): AdminReplica {
  const record = decodeRecord(bytes);
  return {
    position: hex(position),
    partition,
    versionVector: Object.fromEntries(record.coverage.vector),
    looseDots: Object.fromEntries(record.coverage.loose),
    dots: record.siblings.map((sibling) => ({
      actor: sibling.dot.actor,
      n: sibling.dot.n,
      tombstone: sibling.tombstone,
      valueBytes: sibling.value.length,
      contentType: sibling.contentType,
      modified: new Date(sibling.modifiedMs).toISOString(),
      requestId: sibling.requestId,
    })),
    tombstone: isTombstone(record),
    keptFor,
  };
}

function addressOf({ id, address, zone }: PeerDescription): NodeAddress {
  return { id, address, zone };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
