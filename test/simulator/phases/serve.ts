import { BUCKET, type Cluster } from "../cluster.ts";
import type { Client } from "../workload/client.ts";
import { callNode } from "../workload/client-link.ts";

const SERVE_LIMIT_MS = 600_000;

/** Everything is up and connected: each key is read, written and read again, at each node. */
export async function checkServes(cluster: Cluster, clients: readonly Client[]): Promise<void> {
  const { loop, hosts, scenario } = cluster;
  const luck = cluster.random.fork("last reads");
  let served = false;
  // One after the other: a small window must not turn them away.
  const serve = async (): Promise<void> => {
    for (const key of scenario.keys) {
      await clients[0]!.get(key, luck.fork("get", key));
      for (const host of hosts) await serveOnce(cluster, { host, key });
    }
  };
  void serve().finally(() => (served = true));
  await loop.runUntil(loop.nowMs + SERVE_LIMIT_MS, () => served);
  if (!served) cluster.violated("answer_overdue", "the last requests were never answered");
}

async function serveOnce(
  cluster: Cluster,
  { host, key }: { host: Cluster["hosts"][number]; key: string },
): Promise<void> {
  const timeoutMs = 10_000;
  const id = `last.${host.id.slice(-2)}.${key}`;
  const options = { r: undefined, w: undefined, pr: undefined, pw: undefined, timeoutMs };
  const call = {
    what: id,
    timeoutMs,
    patienceMs: 60_000,
    invoke: (node: NonNullable<typeof host.node>) =>
      node.delete({
        bucket: BUCKET,
        key: new TextEncoder().encode(key),
        requestId: id,
        context: new Uint8Array(0),
        options,
      }),
  };
  const answer = await callNode(cluster, host, call, cluster.random.fork("last", key, host.id));
  if (answer.kind === "answer" && answer.outcome.kind === "written") return;
  if (
    answer.kind === "answer" &&
    answer.outcome.kind === "failed" &&
    answer.outcome.code === "too_many_siblings"
  )
    return;
  const what =
    answer.kind === "answer" && answer.outcome.kind === "failed" ? answer.outcome.message : answer.kind;
  cluster.violated(
    "wrongly_refused",
    `a healed cluster does not take a write at ${host.id.slice(-2)}: ${what}`,
  );
}
