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

/**
 * The same asked copy by copy, past all hashes: every owner of a key has the same versions, and no other node has a
 * copy. Answers what differs.
 */
export async function differingReplicas(
  cluster: FaultCluster,
  bucket: string,
  keys: readonly string[],
): Promise<string[]> {
  const open = [...keys];
  const differing: string[] = [];
  const work = async (): Promise<void> => {
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const key = next;
      const owners = new Set(await cluster.ownersOf(bucket, key));
      const copies = await Promise.all(
        cluster.nodes.map(async (node) => ({ node, copy: await cluster.replica(node, bucket, key) })),
      );
      const versions = new Set(
        copies.filter(({ node }) => owners.has(node)).map(({ copy }) => versionOf(copy)),
      );
      if (versions.size > 1) differing.push(`${key}: its owners have ${[...versions].join(" and ")}`);
      const strays = copies.filter(({ node, copy }) => !owners.has(node) && copy !== undefined);
      for (const { node } of strays)
        differing.push(`${key}: node ${node.index}, which is no owner, has a copy`);
    }
  };
  await Promise.all(Array.from({ length: REPLICAS_PARALLEL }, work));
  return differing;
}

const REPLICAS_PARALLEL = 8;

function versionOf(replica: AdminReplica | undefined): string {
  if (replica === undefined) return "nothing";
  const { versionVector, looseDots, dots } = replica;
  const sorted = (entries: Readonly<Record<string, unknown>>): unknown[] =>
    Object.entries(entries).toSorted(([left], [right]) => (left < right ? -1 : 1));
  const shown = dots.map(({ actor, n, tombstone, requestId }) => ({ actor, n, tombstone, requestId }));
  return JSON.stringify({ vector: sorted(versionVector), loose: sorted(looseDots), dots: shown });
}
