import type { Cluster } from "../cluster.ts";
import { BUCKET } from "../workload/bucket.ts";
import type { Client } from "../workload/client.ts";
import { callNode } from "../workload/client-link.ts";
import { reconnect } from "./settle.ts";

const SERVE_LIMIT_MS = 600_000;
const ATTEMPTS_MAX = 5;

/** Everything is up and connected: each key is read, written and read again, at each node. */
export async function checkServes(cluster: Cluster, clients: readonly Client[]): Promise<void> {
  const { loop, hosts, scenario } = cluster;
  const luck = cluster.random.fork("last reads");
  await reconnect(cluster);
  let served = false;
  // One after the other: a small window must not turn them away.
  const serve = async (): Promise<void> => {
    for (const key of scenario.keys) {
      await clients[0]!.get(key, luck.fork("get", key));
      for (const host of hosts)
        if (host.node?.ring.isMember() === true) await serveOnce(cluster, { host, key });
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
  let refusal = "";
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const luck = cluster.random.fork("last", key, host.id, attempt);
    const answer = await callNode(cluster, host, call, luck);
    const outcome = answer.kind === "answer" ? answer.outcome : undefined;
    if (outcome?.kind === "written" || outcome?.code === "too_many_siblings") return;
    refusal = outcome?.message ?? answer.kind;
    // A message may be late in any weather, and what is late is refused: that is what a client tries again for.
    if (outcome?.code !== "overloaded") break;
  }
  const where = host.id.slice(-2);
  cluster.violated("wrongly_refused", `a healed cluster does not take a write at ${where}: ${refusal}`);
}
