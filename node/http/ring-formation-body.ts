import type { RingFormation } from "./node-admin.ts";
import { parseNodeIds } from "./node-id-list.ts";

/**
 * Checks the body of POST /admin/v1/ring/form. What it fixes (cluster id, Q, N) cannot be changed later, so an
 * unknown field is refused: a misspelt `replicas` must not become a default for ever.
 */
const CLUSTER_ID = /^[a-z0-9-]{1,63}$/;
const MEMBERS_MAX = 1_000;
const PARTITIONS_DEFAULT = 256;
const REPLICAS_DEFAULT = 3;

export type ParsedFormation =
  { readonly ok: true; readonly formation: RingFormation } | { readonly ok: false; readonly message: string };

export function parseRingFormation(body: unknown): ParsedFormation {
  if (typeof body !== "object" || body === null || Array.isArray(body))
    return bad("the body is not a JSON object");
  const {
    clusterId,
    members,
    partitions = PARTITIONS_DEFAULT,
    replicas = REPLICAS_DEFAULT,
    ...rest
  } = body as Record<string, unknown>;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) return bad(`unknown field ${JSON.stringify(unknown.slice(0, 40))}`);
  if (typeof clusterId !== "string" || !CLUSTER_ID.test(clusterId)) {
    return bad("clusterId is not 1 to 63 lower-case letters, digits or '-'");
  }
  const ids = parseNodeIds(members, MEMBERS_MAX);
  if (ids === undefined || ids.length === 0)
    return bad(`members is not a list of 1 to ${MEMBERS_MAX} different node ids (UUIDs)`);
  if (!isInteger(partitions, 8, 65_536) || !Number.isInteger(Math.log2(partitions))) {
    return bad("partitions is not a power of two from 8 to 65536");
  }
  if (!isInteger(replicas, 1, 7)) return bad("replicas is not an integer from 1 to 7");
  return { ok: true, formation: { clusterId, members: ids, partitions, replicas } };
}

function isInteger(value: unknown, min: number, max: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= min && value <= max;
}

function bad(message: string): ParsedFormation {
  return { ok: false, message };
}
