import type { MemberEntry, OwnDescription } from "../../../../../node/core/membership/member-entry.ts";
import { MemberTable } from "../../../../../node/core/membership/member-table.ts";
import type { NodeId } from "../../../../../node/core/node-id.ts";
import { nodeId } from "../ring/made-ring.ts";

export function aboutNode(n: number, more: Partial<OwnDescription> = {}): OwnDescription {
  return {
    address: `10.0.0.${n}:7080`,
    clientAddress: `10.0.0.${n}:8080`,
    zone: "a",
    software: "0.1.0",
    condition: "serving",
    down: [],
    ...more,
  };
}

export function entryOf(n: number, more: Partial<MemberEntry> = {}): MemberEntry {
  return { id: nodeId(n), incarnation: 1, version: 1, ...aboutNode(n), ...more };
}

/** Everybody is a member unless the test says otherwise. */
export function tableOf(
  n: number,
  {
    incarnation = 1,
    isMember = () => true,
  }: { incarnation?: number; isMember?: (id: NodeId) => boolean } = {},
): MemberTable {
  return new MemberTable({ self: nodeId(n), incarnation, isMember }, aboutNode(n));
}
