import type { Cluster } from "../cluster.ts";

/** After the last request and message: what they set in motion inside a node has come to its end. */
const SETTLE_MS = 250;
const RECONNECT_LIMIT_MS = 15_000;

/** The requests under way end, the messages that were held up arrive, and everybody finds everybody again. */
export async function settle({ loop, hosts, network, settledAtMs }: Cluster): Promise<void> {
  await loop.runUntil(settledAtMs + SETTLE_MS);
  const connected = (): boolean => hosts.every(({ id }) => network.isReachable(id));
  if (!connected()) await loop.runUntil(loop.nowMs + RECONNECT_LIMIT_MS, connected);
}

/**
 * Every connection that a fault has cut is known to be lost at both ends, and made anew. An end may learn of it seconds
 * after the netsplit, and until then a request runs into it: where W is the number of nodes, that one must be refused.
 */
export async function reconnect({ loop, hosts, network }: Cluster): Promise<void> {
  const renewed = (): boolean =>
    !network.hasUnnoticedLoss && hosts.every(({ id }) => network.isReachable(id));
  if (!renewed()) await loop.runUntil(loop.nowMs + RECONNECT_LIMIT_MS, renewed);
}
