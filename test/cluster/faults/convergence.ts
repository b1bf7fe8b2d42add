import type { AdminPartitions, AdminReplica } from "../../../node/contract/admin-types.ts";
import type { FaultCluster } from "./fault-cluster.ts";

/**
 * Whether a cluster is of one mind, asked without a read: reads repair what they find, and would do the work that
 * handoff and anti-entropy are to do. Of one mind means that no hint is pending, that every partition has the same root
 * at all of its holders, and that each has as many holders as the ring says.
 */
export interface Disagreement {
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
    const disagreement = await disagreementOf(cluster);
    const agreed = disagreement.hintsPending === 0 && disagreement.partitions.length === 0;
    if (!agreed && tookMs > boundMs)
      throw new Error(`not converged after ${Math.round(tookMs)} ms: ${describe(disagreement)}`);
    agreedMs = agreed ? (agreedMs ?? tookMs) : undefined;
    if (agreedMs !== undefined && tookMs - agreedMs >= STAYS_MS) return agreedMs;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

export async function disagreementOf(cluster: FaultCluster): Promise<Disagreement> {
  const pending = await cluster.hintsPending();
  const hintsPending = Object.values(pending).reduce((sum, count) => sum + count, 0);
  const held = await Promise.all(
    cluster.nodes.map(async (node) => ({
      node,
      partitions: (await cluster.admin<AdminPartitions>(node, "partitions")).partitions,
    })),
  );
  const rootsOf = new Map<number, { holder: number; root: string }[]>();
  for (const { node, partitions } of held) {
    for (const { partition, root } of partitions) {
      const roots = rootsOf.get(partition) ?? [];
      rootsOf.set(partition, [...roots, { holder: node.index, root }]);
    }
  }
  const replicas = Math.min(3, cluster.nodes.length);
  const partitions = [...rootsOf].flatMap(([partition, roots]) => {
    const agreed = roots.length === replicas && new Set(roots.map(({ root }) => root)).size === 1;
    const told = roots.map(({ holder, root }) => `node ${holder} ${root.slice(0, 8)}`).join(", ");
    return agreed ? [] : [`partition ${partition}: ${told}`];
  });
  return { hintsPending, partitions };
}

function describe({ hintsPending, partitions }: Disagreement): string {
  const some = partitions.slice(0, 5).join("; ");
  return `${hintsPending} hints pending, ${partitions.length} partitions differ${some === "" ? "" : `, such as ${some}`}`;
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
