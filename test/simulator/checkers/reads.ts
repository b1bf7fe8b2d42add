import type { ReadOutcome } from "../../../node/core/coordinator/requests.ts";
import type { NodeId } from "../../../node/core/node-id.ts";
import type { Dot } from "../../../node/core/version/dot.ts";
import { type Coverage, covers, join } from "../../../node/core/version/coverage.ts";
import type { Cluster } from "../cluster.ts";
import type { KnownDot } from "../workload/dot-registry.ts";
import type { GivenContext } from "../workload/history.ts";
import { decodeValue } from "../workload/written-value.ts";
import { checkShownContext, coverageOf, isSealedFor } from "./contexts.ts";
import { durableCopies, placeOfKey } from "./durable-copies.ts";

type Read = Extract<ReadOutcome, { kind: "read" }>;

/** What a read may rely on, taken before it is sent. */
export interface Promised {
  readonly atMs: number;
  /** Dots that so many owners have on stable storage that any R owners must include one of them. */
  readonly dots: readonly KnownDot[];
  /** Dots that would be among these if an owner had not lost its data. */
  readonly dotsBeforeLoss: readonly KnownDot[];
  /** Owners that everybody who is up is connected to, and believes up and whole. */
  readonly present: ReadonlySet<NodeId>;
  /** Digests of the rings that were served; none where the ring does not change. */
  readonly rings: ReadonlySet<string>;
}

/** R + W > N, seen from the disks: whatever N-R+1 owners hold now, R owners cannot all miss. */
export function promisedDots(cluster: Cluster, key: string, r: number): Promised {
  const { owners } = cluster.preferenceList(key);
  const enough = owners.length - r + 1;
  const isKept = (by: readonly NodeId[], dot: Dot): boolean => {
    const copies = by.map((owner) => durableCopies(cluster.host(owner), key).data?.coverage);
    return copies.filter((copy) => copy !== undefined && covers(copy, dot)).length >= by.length - r + 1;
  };
  const rings = cluster.changesRing ? cluster.servedRings() : [];
  const sets = rings.length === 0 ? [owners] : rings.map((host) => cluster.routesAt(host, key).read.owners);
  const latest = sets[0]!;
  // What owners alone acknowledged: also who has not heard of the latest ring must not miss it.
  const isAcknowledged = (dot: Dot): boolean =>
    r >= cluster.scenario.readQuorum && cluster.moves.has(key, dot) && isKept(latest, dot);
  const dots = cluster.registry
    .all(key)
    .filter(({ dot }) => sets.every((by) => isKept(by, dot)) || isAcknowledged(dot));
  const present = new Set(
    owners.filter(
      (owner) => cluster.network.isReachable(owner) && cluster.isBelievedUp(owner) && cluster.isVoter(owner),
    ),
  );
  const dotsBeforeLoss = cluster.losses.promised(key, enough);
  const digests = new Set(rings.map(({ node }) => node!.ring.hash()));
  return { atMs: cluster.loop.nowMs, dots, dotsBeforeLoss, present, rings: digests };
}

/** Holds one answer of a get against all that is known; returns the context it gave, undefined where none. */
export function checkRead(
  cluster: Cluster,
  { key, r, outcome, promised }: { key: string; r: number; outcome: Read; promised: Promised },
): GivenContext | undefined {
  const saw = checkShownValues(cluster, key, outcome);
  const coverage = coverageOf(outcome.context);
  checkPromise(cluster, { key, r, outcome, promised });
  if (outcome.ownersAnswered < r) checkPatience(cluster, { key, outcome, promised });
  if (outcome.context.length === 0) {
    if (saw.length > 0) cluster.violated("context_covers_too_little", `${key}: values without a context`);
    return undefined;
  }
  const clusterId =
    cluster.hosts.find(({ node }) => node !== undefined)?.node?.ring.current()?.clusterId ?? "";
  if (clusterId !== "" && !isSealedFor(key, outcome.context, clusterId)) {
    cluster.violated("wrongly_refused", `${key}: a read gave a context that does not open`);
  }
  checkShownContext(cluster, { key, coverage, shown: new Set(saw) });
  if (saw.length > 1) cluster.marks.hit("siblings shown");
  if (saw.length === 0) cluster.marks.hit("tombstone shown");
  return { key, bytes: outcome.context, coverage, saw };
}

/** I12, duplicates, and writes that were refused. Returns the ids that were shown. */
function checkShownValues(cluster: Cluster, key: string, { siblings }: Read): string[] {
  const ids: string[] = [];
  for (const { value } of siblings) {
    const written = decodeValue(value);
    const operation = written === undefined ? undefined : cluster.history.write(written.id);
    if (written === undefined || operation === undefined || written.key !== key || operation.kind !== "put") {
      cluster.violated("corrupt_value_served", `${key}: ${value.length} bytes that nobody wrote there`);
      continue;
    }
    if (ids.includes(written.id))
      cluster.violated("duplicate_sibling", `${key}: ${written.id} is shown twice`);
    if (operation.outcome === "refused")
      cluster.violated("refused_write_applied", `${key}: ${written.id} is shown`);
    ids.push(written.id);
  }
  return ids;
}

function checkPromise(
  cluster: Cluster,
  { key, r, outcome, promised }: { key: string; r: number; outcome: Read; promised: Promised },
): void {
  if (outcome.ownersAnswered < r) {
    cluster.marks.hit("answer with fewer owners than R");
    return;
  }
  if (ownerLostCopies(cluster, key, promised) || hasNewRing(cluster, promised)) return;
  cluster.marks.hit("read checked against durable copies");
  const coverage = join(coverageOf(outcome.context), cluster.seals.coverageAt(placeOfKey(key)));
  const how = `${key}: r=${r}, ${outcome.ownersAnswered} owners answered`;
  const names = namesMissed(promised.dots, coverage);
  if (names !== "") return cluster.violated("read_missed_durable_write", `${how}: no ${names}`);
  if (promised.dotsBeforeLoss.length > 0) cluster.marks.hit("read after a loss checked");
  const lostNames = namesMissed(promised.dotsBeforeLoss, coverage);
  if (lostNames !== "") cluster.violated("amnesiac_voted", `${how}, one of which lost ${lostNames}`);
}

/**
 * A delete without a context that was acknowledged and wrote nothing, as if R owners had been asked whatever the number
 * of stand-ins that answered: its author goes away believing that nothing is there.
 */
export function checkNothingToDelete(
  cluster: Cluster,
  { id, key, answered, promised }: { id: string; key: string; answered: Coverage; promised: Promised },
): void {
  if (ownerLostCopies(cluster, key, promised) || hasNewRing(cluster, promised)) return;
  if (promised.dots.length > 0) cluster.marks.hit("delete that wrote nothing checked");
  const known = join(answered, cluster.seals.coverageAt(placeOfKey(key)));
  const names = namesMissed(promised.dots, known);
  if (names === "") return;
  cluster.violated("delete_missed_durable_write", `${id} of ${key} wrote nothing and did not see ${names}`);
}

function ownerLostCopies(cluster: Cluster, key: string, { atMs }: Promised): boolean {
  return cluster.preferenceList(key).owners.some((owner) => (cluster.destroyedMs(owner) ?? -1) >= atMs);
}

/** What was promised was so of the owners by the rings that were served then. */
function hasNewRing(cluster: Cluster, { rings }: Promised): boolean {
  if (!cluster.changesRing) return false;
  return cluster.servedRings().some(({ node }) => !rings.has(node!.ring.hash()));
}

function namesMissed(dots: readonly KnownDot[], coverage: Coverage): string {
  return dots
    .filter(({ dot }) => !covers(coverage, dot))
    .map(({ writeId }) => writeId)
    .join(" ");
}

/**
 * Stand-ins that know nothing may be counted only once every owner believed healthy has answered or was lost. An owner
 * that was up and connected to everybody all the while is believed healthy and is not lost: late is not absent.
 */
function checkPatience(
  cluster: Cluster,
  { key, outcome, promised }: { key: string; outcome: Read; promised: Promised },
): void {
  const { loop, scenario, hosts } = cluster;
  // Who is asked hangs on the ring of whoever coordinates.
  if (promised.rings.size > 1 || hasNewRing(cluster, promised)) return;
  if (loop.nowMs - promised.atMs > scenario.requestTimeoutMs * 0.8) return;
  const { owners } = cluster.preferenceList(key);
  // A stand-in's record counts at once, and who voted cannot be seen from here.
  const standIns = hosts.filter(({ id }) => !owners.includes(id)).map((host) => durableCopies(host, key));
  if (outcome.context.length > 0 && standIns.some(({ hint }) => hint !== undefined)) return;
  if (outcome.context.length > 0 && cluster.hints.removedSince(placeOfKey(key), promised.atMs)) return;
  const present = owners.filter(
    (owner) =>
      promised.present.has(owner) &&
      cluster.isVoter(owner) &&
      cluster.isUndisturbedSince(owner, promised.atMs),
  );
  if (present.length <= outcome.ownersAnswered) return;
  const detail = `${key}: only ${outcome.ownersAnswered} of ${present.length} owners were heard that were there`;
  cluster.violated("not_found_too_early", detail);
}
