import type { AdminRing } from "../../node/contract/admin-types.ts";
import { AdminClient } from "../admin-client.ts";
import { BoundedWait, NotYet } from "./bounded-wait.ts";
import type { LocalNode } from "./local-layout.ts";
import { joinMissing, leaveSurplus } from "./ring-resize.ts";

/**
 * From started processes to a ring that serves: every node answers, the ring is formed if there is none (forming the same
 * ring again changes nothing, so an interrupted first start is completed by the next), nodes that are no members join it,
 * those beyond the size that is wanted leave it, every node is ready and reaches every other.
 */
export interface RingStart {
  readonly nodes: readonly LocalNode[];
  /** Nodes that shall be members; those of a larger index leave. */
  readonly size: number;
  readonly clusterId: string;
  readonly token: string;
  readonly progress: (line: string) => void;
}

export async function awaitServing({ nodes, size, clusterId, token, progress }: RingStart): Promise<void> {
  const admins = nodes.map(
    (node) => new AdminClient({ endpoint: `http://${node.admin}`, token, timeoutMs: REQUEST_MS_MAX }),
  );
  const wait = new BoundedWait(nodes, progress);
  try {
    const statuses = await wait.until("for the nodes to answer", () =>
      Promise.all(admins.map((admin) => admin.status())),
    );
    const ids = statuses.map((status) => status.node.id);
    const formed = await ringAmong(admins.filter((_, i) => statuses[i]!.ring.epoch > 0));
    const listed = formed?.members.map(({ id }) => id) ?? ids;
    if (statuses.some(({ ring, node }) => ring.epoch === 0 && listed.includes(node.id))) {
      progress(`forming a ring of ${listed.length}`);
      const replicas = formed?.parameters.replicas ?? Math.min(3, listed.length);
      await wait.until("for the ring to form", () =>
        admins[ids.indexOf(listed[0]!)]!.formRing({ clusterId, members: listed, replicas }),
      );
    }
    const resize = { admins, ids, wait, progress };
    await joinMissing({ ...resize, size });
    await leaveSurplus({ ...resize, size });
    await wait.until("for every node to serve", () => Promise.all(admins.slice(0, size).map(assertServing)));
  } finally {
    for (const admin of admins) admin.close();
  }
}

/** The latest; undefined where nobody has one. */
async function ringAmong(admins: readonly AdminClient[]): Promise<AdminRing | undefined> {
  const rings = await Promise.all(admins.map((admin) => admin.ring()));
  return rings.toSorted((a, b) => b.generation - a.generation || b.epoch - a.epoch)[0];
}

async function assertServing(admin: AdminClient): Promise<void> {
  const { ready, reason } = await admin.readiness();
  if (!ready) throw new NotYet(`${admin.endpoint} is not ready: ${reason}`);
  const { members } = await admin.members();
  const missing = members.filter((member) => member.state !== "none" && !member.reachable);
  if (missing.length > 0)
    throw new NotYet(`${admin.endpoint} does not reach ${missing.map(({ id }) => id).join(", ")}`);
}

/** Longer than a node takes to say that the ring could not be formed, or a change not be decided. */
const REQUEST_MS_MAX = 30_000;
