import type { NodeId } from "../node-id.ts";
import type { PeerCalls } from "../peers/peer-calls.ts";
import type { Clock } from "../ports/clock.ts";
import type { Hash } from "../ports/hash.ts";
import type { Observer } from "../ports/observer.ts";
import type { ReplicaStore, StorePoint } from "../ports/replica-store.ts";
import type { Timers } from "../ports/timers.ts";
import { type Quorum, resolveQuorum } from "../quorum/quorum.ts";
import { isGivenUp } from "../ring/change/departed.ts";
import { fence } from "../ring/change/fence.ts";
import type { PartitionRoutes } from "../ring/change/change-routes.ts";
import type { RingNumber } from "../ring/ring-number.ts";
import { partitionOf, positionOf } from "../ring/position.ts";
import type { PlanningRing } from "../ring/ring-state.ts";
import type { Ring } from "../ring/ring.ts";
import type { NodeSettings } from "../settings.ts";
import type { Failure, FailureCode, KeyOfBucket, RequestOptions } from "./requests.ts";

/** What a coordinator stands on. */
export interface CoordinatorParts {
  readonly self: NodeId;
  readonly settings: NodeSettings;
  readonly ring: PlanningRing;
  readonly store: ReplicaStore;
  readonly calls: PeerCalls;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly hash: Hash;
  readonly observer: Observer;
  /** Whether this node believes that the member answers; always true for itself. Local: peers may differ. */
  readonly isHealthy: (node: NodeId) => boolean;
  /** A member that answers, late: it is asked like any other, but last. */
  readonly isSlow: (node: NodeId) => boolean;
  /** Asks it for a sign of life, that its disk has no part in; the answer shows in `calls.hasAnsweredSince`. */
  readonly probe: (node: NodeId) => void;
  /** Whether its answers to reads count, this node's own too: not while a node may have lost data (recovery/). */
  readonly isVoter: (node: NodeId) => boolean;
  /** See CallParts in replica-calls.ts. */
  readonly acknowledged?: (peer: NodeId, at: StorePoint) => void;
  /** See CallParts in replica-calls.ts. */
  readonly outdated?: (peer: NodeId, theirs: RingNumber) => void;
}

/** Where one request's key lives, how many answers it needs, and until when. */
export interface Coordination extends Plan {
  readonly clusterId: string;
  readonly position: Uint8Array;
  readonly options: RequestOptions;
  /** On the coordinator's monotonic clock. */
  readonly deadlineMs: number;
  /** Nodes that this very request was handed to and that said nothing: connected, for all that is known, and gone. */
  readonly silent: ReadonlySet<NodeId>;
  /** Where another node may be given the request later: until when this one may begin a write (ports/replica-store.ts). */
  readonly mintBeforeMs?: number;
  /** How often it has been planned anew. */
  readonly replans: number;
}

/** What follows from the ring. */
interface Plan {
  readonly ring: Ring;
  readonly routes: PartitionRoutes;
  readonly zoneOf: (node: NodeId) => string;
  readonly quorum: Quorum;
}

const nobody: ReadonlySet<NodeId> = new Set();

export type Planned =
  | { readonly ok: true; readonly coordination: Coordination }
  | { readonly ok: false; readonly failure: Failure };

export function planCoordination(
  request: KeyOfBucket & { options: RequestOptions },
  parts: CoordinatorParts,
): Planned {
  const ring = parts.ring.current();
  if (ring === undefined) {
    const message =
      "this node is not a member of a ring yet; form one (dynamokv ring form) or wait for the operator";
    return { ok: false, failure: failure("no_ring", message) };
  }
  if (!parts.ring.isMember()) {
    const message =
      `node ${parts.self} is no member of the ring (any more), as of its epoch ${ring.epoch}: send requests to its ` +
      "members (dynamokv status names them)";
    return { ok: false, failure: failure("no_ring", message) };
  }
  const { options } = request;
  const position = positionOf(request, parts.hash);
  const routes = parts.ring.routes(partitionOf(position, ring.parameters.partitions));
  const resolved = quorumOf(options, routes, parts);
  if (!resolved.ok) return { ok: false, failure: failure("invalid_quorum", resolved.message) };
  const timeoutMs = Math.min(
    options.timeoutMs ?? parts.settings.requestTimeoutMs,
    parts.settings.requestTimeoutMsMax,
  );
  return {
    ok: true,
    coordination: {
      clusterId: ring.clusterId,
      position,
      options,
      ring,
      routes,
      zoneOf: zonesOf(ring),
      quorum: resolved.quorum,
      deadlineMs: parts.clock.monotonicMs() + timeoutMs,
      silent: nobody,
      replans: 0,
    },
  };
}

/**
 * The same request by the ring that this node has now, once a replica has refused it as planned by too old a one. Undefined where
 * there is no later ring, that ring cannot give the copies that the client asked for, or after `REPLANS_MAX` times: it then goes
 * on with the replicas that it has.
 */
export function planAnew(coordination: Coordination, parts: CoordinatorParts): Coordination | undefined {
  const ring = parts.ring.current();
  if (ring === undefined || ring === coordination.ring || coordination.replans >= REPLANS_MAX)
    return undefined;
  // The record may have taken in what was deleted and forgotten since.
  if (isGivenUp(ring, parts.self)) return undefined;
  const { position, options, replans } = coordination;
  const routes = parts.ring.routes(partitionOf(position, ring.parameters.partitions));
  const resolved = quorumOf(options, routes, parts);
  if (!resolved.ok) return undefined;
  parts.observer.event({ kind: "planned_anew" });
  return {
    ...coordination,
    ring,
    routes,
    zoneOf: zonesOf(ring),
    quorum: resolved.quorum,
    replans: replans + 1,
  };
}

/** A change takes two such steps, begin and flip; a request that meets both is rare enough. */
const REPLANS_MAX = 2;

/**
 * Whether this node, as a replica of its own request, would refuse it by now (ring/change/fence.ts). So it does where it has left: it may
 * have said already that it keeps nothing, and what it keeps be given up.
 */
export function isFencedHere({ ring }: Coordination, parts: CoordinatorParts): boolean {
  const current = parts.ring.current();
  if (current === undefined) return false;
  return !parts.ring.isMember() || (current !== ring && fence(current, ring) === "stale");
}

function quorumOf(options: RequestOptions, { read, writeSets }: PartitionRoutes, parts: CoordinatorParts) {
  const writeN = Math.max(writeSets[0]!.length, writeSets[1]?.length ?? 0);
  return resolveQuorum(options, parts.settings, read.owners.length, writeN);
}

/** Asked about no node where all owners are there, and about each member where stand-ins of other zones are looked for. */
function zonesOf({ members }: Ring): (node: NodeId) => string {
  let zones: Map<NodeId, string> | undefined;
  return (node) => (zones ??= new Map(members.map(({ id, zone }) => [id, zone]))).get(node) ?? "";
}

export function remainingMs(coordination: Coordination, parts: CoordinatorParts): number {
  return coordination.deadlineMs - parts.clock.monotonicMs();
}

/** The promise's value, or undefined when the request's time is up first. */
export function beforeDeadline<T>(
  promise: Promise<T>,
  coordination: Coordination,
  parts: CoordinatorParts,
): Promise<T | undefined> {
  return new Promise((resolve) => {
    const cancel = parts.timers.after(Math.max(0, remainingMs(coordination, parts)), () =>
      resolve(undefined),
    );
    void promise.then((value) => {
      cancel();
      resolve(value);
    });
  });
}

/**
 * Healthy ones of these nodes, best first: this one, which costs no message, then in their order, but the slow ones
 * behind the others and those that were just found silent last.
 */
export function bestFirst(
  nodes: readonly NodeId[],
  { silent }: Pick<Coordination, "silent">,
  parts: Pick<CoordinatorParts, "self" | "isHealthy" | "isSlow">,
): NodeId[] {
  const best: NodeId[] = [];
  let slow: NodeId[] | undefined;
  let last: NodeId[] | undefined;
  for (const node of nodes) {
    if (!parts.isHealthy(node)) continue;
    if (node === parts.self) best.unshift(node);
    else if (silent.has(node)) (last ??= []).push(node);
    else if (parts.isSlow(node)) (slow ??= []).push(node);
    else best.push(node);
  }
  // Nearly always all of them are well: every request comes here.
  return slow === undefined && last === undefined ? best : best.concat(slow ?? [], last ?? []);
}

/** How long to wait for a silent replica before another one is asked too: a quantile of recent answers, bounded. */
export function hedgeDelayMs(kind: "replicate" | "read", parts: CoordinatorParts): number {
  const recent = parts.calls.latencyMs(kind, kind === "replicate" ? 0.99 : 0.95) ?? 0;
  return Math.min(parts.settings.hedgeDelayMsMax, Math.max(parts.settings.hedgeDelayMsMin, recent));
}

/**
 * How long a node that a request was handed to may say nothing. More than its own hedge delay, or it would be called
 * silent while it waits for somebody who is.
 */
export function handOnDelayMs(parts: CoordinatorParts): number {
  const { hedgeDelayMsMin, handOnDelayMsMax } = parts.settings;
  // Before the first answer everything is cold, and a first request slow.
  const recentMs = parts.calls.latencyMs("forward", 0.99) ?? handOnDelayMsMax;
  const hedgedMs = hedgeDelayMs("replicate", parts) + hedgeDelayMsMin;
  return Math.min(handOnDelayMsMax, Math.max(hedgedMs, recentMs));
}

/** A failure that left no trace anywhere. */
export function failure(code: FailureCode, message: string): Failure {
  return { kind: "failed", code, message, maybeApplied: false, context: new Uint8Array(0) };
}
