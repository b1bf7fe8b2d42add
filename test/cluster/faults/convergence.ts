import type { AdminPartitions, AdminReplica } from "../../../node/contract/admin-types.ts";
import type { FaultCluster } from "./fault-cluster.ts";
import type { FaultNode } from "./fault-node.ts";
import { ringOf } from "./ring-change-load.ts";
import { isLater } from "./seen-changes.ts";

/**
 * Whether a cluster is of one mind, asked without a read: reads repair what they find, and would do the work that
 * handoff and anti-entropy are to do. Of one mind means that no hint is pending, that every partition has the same root
 * at all of its holders, and that each has as many holders as the ring says. Where the ring changes, also that it is
 * settled, that its members and nobody else serve it, and that no node keeps rows of partitions that it does not own.
 */
export interface Disagreement {
  /** What keeps the ring from being settled on all its members; empty where it is, and where it cannot change. */
  readonly ring: string;
  readonly hintsPending: number;
  /** "partition 17: node 1 …, node 2 …" */
  readonly partitions: readonly string[];
}

const POLL_MS = 100;
const STAYS_MS = 500;

/**
 * Milliseconds until it was of one mind, and stayed so for a moment: the last writes may still be on their way to
 * somebody. Throws with the disagreement when that takes longer than the bound.
 */
export async function convergedAfter(cluster: FaultCluster, boundMs: number): Promise<number> {
  const startedMs = performance.now();
  let agreedMs: number | undefined;
  for (;;) {
    const tookMs = performance.now() - startedMs;
    const disagreement = await disagreementInTime(cluster);
    const agreed =
      disagreement.ring === "" && disagreement.hintsPending === 0 && disagreement.partitions.length === 0;
    if (!agreed && tookMs > boundMs)
      throw new Error(`not converged after ${Math.round(tookMs)} ms: ${describe(disagreement)}`);
    agreedMs = agreed ? (agreedMs ?? tookMs) : undefined;
    if (agreedMs !== undefined && tookMs - agreedMs >= STAYS_MS) return agreedMs;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** A node that is no member and puts its copies aside starts again: that it is away for a moment is no failure. */
async function disagreementInTime(cluster: FaultCluster): Promise<Disagreement> {
  if (!cluster.canChange) return disagreementOf(cluster);
  return disagreementOf(cluster).catch((error: unknown) => ({
    ring: String(error),
    hintsPending: 0,
    partitions: [],
  }));
}

export async function disagreementOf(cluster: FaultCluster): Promise<Disagreement> {
  const ring = cluster.canChange ? await unsettled(cluster) : "";
  const pending = await cluster.hintsPending();
  const hintsPending = Object.values(pending).reduce((sum, count) => sum + count, 0);
  const held = await Promise.all(
    cluster.nodes.map(async (node) => ({
      node,
      partitions: (await partitionsOf(cluster, node)).partitions,
    })),
  );
  const rootsOf = new Map<number, { holder: number; root: string }[]>();
  for (const { node, partitions } of held) {
    for (const { partition, root } of partitions) {
      const roots = rootsOf.get(partition) ?? [];
      rootsOf.set(partition, [...roots, { holder: node.index, root }]);
    }
  }
  const replicas = Math.min(3, cluster.members.length);
  const partitions = [...rootsOf].flatMap(([partition, roots]) => {
    const agreed = roots.length === replicas && new Set(roots.map(({ root }) => root)).size === 1;
    const told = roots.map(({ holder, root }) => `node ${holder} ${root.slice(0, 8)}`).join(", ");
    return agreed ? [] : [`partition ${partition}: ${told}`];
  });
  return { ring, hintsPending, partitions };
}

/** A node without a ring has none to tell of. Rows that it does not own count like those of a holder too many. */
async function partitionsOf(cluster: FaultCluster, node: FaultNode): Promise<AdminPartitions> {
  if (cluster.canChange && (await node.isOutside()) && (await ringOf(node)) === undefined)
    return { partitions: [] };
  return cluster.admin<AdminPartitions>(node, "partitions");
}

/** Tells the cluster who its members are, once that is clear. */
async function unsettled(cluster: FaultCluster): Promise<string> {
  const rings = await Promise.all(cluster.nodes.map(ringOf));
  const [latest] = rings
    .filter((ring) => ring !== undefined)
    .toSorted((one, other) => (isLater(one, other) ? -1 : 1));
  if (latest === undefined) return "no node serves a ring";
  if (latest.change !== null) return `change ${latest.change.changeId} is ${latest.change.phase}`;
  const members = new Set(latest.members.map(({ id }) => id));
  for (const [i, node] of cluster.nodes.entries()) {
    const isMember = members.has(cluster.idOf(node));
    if (isMember && rings[i]?.hash !== latest.hash)
      return `node ${node.index} is at epoch ${rings[i]?.epoch ?? 0}, others at ${latest.epoch}`;
    if (!isMember && !(await node.isOutside())) return `node ${node.index} is no member and does not know it`;
  }
  cluster.settled([...members]);
  return "";
}

function describe({ ring, hintsPending, partitions }: Disagreement): string {
  const some = partitions.slice(0, 5).join("; ");
  return `${ring === "" ? "" : `${ring}, `}${hintsPending} hints pending, ${partitions.length} partitions differ${some === "" ? "" : `, such as ${some}`}`;
}

/** The same asked copy by copy, past all hashes. */
export interface ComparedCopies {
  /** What differs: owners with other versions, and copies at nodes that are no owners. */
  readonly differing: readonly string[];
  /** Keys of which some node's copy does not match its digest: found when it is read, by a client or by the scrub. */
  readonly rotten: readonly string[];
}

export async function comparedCopies(
  cluster: FaultCluster,
  bucket: string,
  keys: readonly string[],
): Promise<ComparedCopies> {
  const open = [...keys];
  const differing: string[] = [];
  const rotten: string[] = [];
  const work = async (): Promise<void> => {
    for (let key = open.pop(); key !== undefined; key = open.pop()) {
      const copies = await copiesOf(cluster, bucket, key);
      if (copies.some(({ version }) => version === ROTTEN)) {
        rotten.push(key);
        continue;
      }
      const versions = new Set(copies.filter(({ isOwner }) => isOwner).map(({ version }) => version));
      if (versions.size > 1) differing.push(`${key}: its owners have ${[...versions].join(" and ")}`);
      const strays = copies.filter(({ isOwner, version }) => !isOwner && version !== NOTHING);
      for (const { node } of strays) differing.push(`${key}: node ${node}, which is no owner, has a copy`);
    }
  };
  await Promise.all(Array.from({ length: REPLICAS_PARALLEL }, work));
  return { differing, rotten };
}

interface Copy {
  readonly node: number;
  readonly isOwner: boolean;
  readonly version: string;
}

const NOTHING = "nothing";
const ROTTEN = "a rotten row";

async function copiesOf(cluster: FaultCluster, bucket: string, key: string): Promise<Copy[]> {
  const owners = new Set(await cluster.ownersOf(bucket, key));
  return Promise.all(
    cluster.nodes.map(async (node) => {
      const copy = await cluster.replica(node, bucket, key);
      const version = copy === "rotten" ? ROTTEN : versionOf(copy);
      return { node: node.index, isOwner: owners.has(node), version };
    }),
  );
}

const REPLICAS_PARALLEL = 8;

function versionOf(replica: AdminReplica | undefined): string {
  if (replica === undefined) return NOTHING;
  const { versionVector, looseDots, dots } = replica;
  const sorted = (entries: Readonly<Record<string, unknown>>): unknown[] =>
    Object.entries(entries).toSorted(([left], [right]) => (left < right ? -1 : 1));
  const shown = dots.map(({ actor, n, tombstone, requestId }) => ({ actor, n, tombstone, requestId }));
  return JSON.stringify({ vector: sorted(versionVector), loose: sorted(looseDots), dots: shown });
}
