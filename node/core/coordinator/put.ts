import type { NodeId } from "../node-id.ts";
import type { Merged, Stored } from "../ports/replica-store.ts";
import { WriteTally } from "../quorum/write-tally.ts";
import { type QuorumMember, standIns } from "../ring/sloppy-quorum.ts";
import { sealContext } from "../version/context.ts";
import { type Coverage, withDot } from "../version/coverage.ts";
import { encodeCoverage } from "../version/coverage-codec.ts";
import { beforeDeadline, type Coordination, failure } from "./coordination.ts";
import { replicate, type ReplicationParts } from "./replication.ts";
import type { Failure, WriteOutcome } from "./requests.ts";

/** A put or a delete whose context is opened. */
export interface Write {
  readonly bucket: Uint8Array;
  readonly key: Uint8Array;
  /** What the client was shown: the siblings in it are superseded, no others. */
  readonly seen: Coverage;
  readonly tombstone: boolean;
  readonly value: Uint8Array;
  readonly contentType: string;
  readonly requestId: string;
}

/**
 * Coordinates a write on this node (Dynamo §4.5): merge it into the local copy under a new dot, send the whole
 * record to the other first N healthy nodes while the local commit is still under way, answer at W durable
 * acknowledgements. The answer's context is the client's context plus exactly the new dot: one entry more, and a
 * later put with it would erase a write that nobody was shown.
 */
export async function coordinatePut(
  write: Write,
  coordination: Coordination,
  parts: ReplicationParts,
): Promise<WriteOutcome> {
  if (parts.store.oldestWriteAgeMs() > storeQueueAgeMsMax(coordination, parts)) return diskBehind;
  const members = healthyOf(coordination, parts);
  const keptFor = ownerStoodInFor(parts.self, members, coordination);
  const { bucket, key, tombstone, value, contentType, requestId } = write;
  const { merged, durable } = parts.store.coordinate({
    bucket,
    key,
    tombstone,
    value,
    contentType,
    requestId,
    position: coordination.position,
    seen: encodeCoverage(write.seen),
    modifiedMs: parts.clock.wallMs(),
    keptFor: keptFor === undefined ? [] : [keptFor],
    ...(coordination.mintBeforeMs === undefined ? {} : { mintBeforeMs: coordination.mintBeforeMs }),
  });
  const local = await beforeDeadline(merged, coordination, parts);
  if (local === undefined) {
    void rememberOthers({ merged, durable, keptFor }, coordination, parts);
    return diskTooSlow;
  }
  if (!local.ok) return refused(local);
  const replicated = replicate({ record: local.record, durable, members, keptFor }, coordination, parts);
  const context = sealContext(withDot(write.seen, local.dot), coordination, parts.hash);
  const ended = await replicated;
  const tally = ended instanceof WriteTally ? ended : await replicateAnew(local.record, ended, parts);
  if (tally.reached) return { kind: "written", context };
  const { w, pw } = coordination.quorum;
  return {
    kind: "failed",
    code: "quorum_unreachable",
    message:
      `${tally.ackedCount} of w=${w} copies (owners: ${tally.ackedOwnerCount} of pw=${pw}) acknowledged in time; ` +
      "the write may be applied: retry it with the same request id",
    maybeApplied: true,
    context,
  };
}

/**
 * The same record, under the dot that it has, at the owners of a later ring. What replicas of the ring before have
 * acknowledged counts for nothing; who keeps it under both has it already and says so again.
 */
async function replicateAnew(
  record: Uint8Array,
  first: Coordination,
  parts: ReplicationParts,
): Promise<WriteTally> {
  for (let plan = first; ;) {
    const members = healthyOf(plan, parts);
    const keptFor = ownerStoodInFor(parts.self, members, plan);
    const { position } = plan;
    const durable = parts.store.store({ position, record, keptFor: keptFor === undefined ? [] : [keptFor] });
    const ended = await replicate({ record, durable, members, keptFor }, plan, parts);
    if (ended instanceof WriteTally) return ended;
    plan = ended;
  }
}

/** Who takes the write: owners that are healthy, and stand-ins for the others. */
function healthyOf({ routes, zoneOf }: Coordination, { isHealthy }: ReplicationParts): QuorumMember[] {
  return standIns({ list: routes.write, zoneOf, isHealthy });
}

/** A write that would have to wait longer than it may is refused at once: its sender can go on. */
function storeQueueAgeMsMax({ mintBeforeMs = Infinity }: Coordination, parts: ReplicationParts): number {
  return Math.min(parts.settings.storeQueueAgeMsMax, mintBeforeMs - parts.clock.monotonicMs());
}

const diskBehind = failure("overloaded", "writes wait too long for this node's disk; retry");

const diskTooSlow: Failure = {
  kind: "failed",
  code: "storage_failed",
  message:
    "this node's disk did not take the write in time; it may still be applied: retry with the same request id",
  maybeApplied: true,
  context: new Uint8Array(0),
};

/** Undefined where this node owns the key; else the owner that its copy is kept for. */
function ownerStoodInFor(
  self: NodeId,
  members: readonly QuorumMember[],
  {
    routes: {
      write: { owners },
    },
    silent,
  }: Coordination,
): NodeId | undefined {
  if (owners.includes(self)) return undefined;
  const mine = members.find(({ node }) => node === self)?.standsInFor;
  return mine ?? owners.find((owner) => silent.has(owner)) ?? owners[0]!;
}

/** The disk may still take what was given up on: then every other owner has missed it. */
async function rememberOthers(
  late: { merged: Promise<Merged>; durable: Promise<Stored>; keptFor: NodeId | undefined },
  { position, routes }: Coordination,
  { self, ownerMarks }: ReplicationParts,
): Promise<void> {
  const local = await late.merged;
  if (!local.ok || !(await late.durable).ok) return;
  const others = routes.write.owners.filter((owner) => owner !== self && owner !== late.keptFor);
  const kept = { position, record: local.record, isHint: late.keptFor !== undefined };
  if (others.length > 0) ownerMarks.remember(others, kept);
}

function refused(merged: Extract<Merged, { ok: false }>): Failure {
  if (merged.code === "storage_lost")
    return { ...failure("storage_failed", merged.message), maybeApplied: true };
  if (merged.code === "hints_full" || merged.code === "too_late")
    return failure("overloaded", merged.message);
  if (merged.code === "invalid_record" || merged.code === "hint_lost")
    return failure("storage_failed", merged.message);
  return failure(merged.code, merged.message);
}
