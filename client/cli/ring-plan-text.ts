import type { RingPlan, RingPlanNode } from "../../node/contract/ring-change-types.ts";
import { shownBytes } from "./byte-text.ts";
import type { NodeNames } from "./node-names.ts";
import { formatTable } from "./table.ts";

/** A plan for a person who is about to agree to it: who has how much before and after, and what that moves. */
export function ringPlanText(plan: RingPlan, names: NodeNames): string {
  const rows = names
    .sorted(plan.nodes, ({ id }) => id)
    .map((node) => [
      names.nameOf(node.id),
      node.zone || "-",
      standing(plan, node),
      arrow(node.owned),
      arrow(node.copies),
      node.bytesGained === null ? "?" : node.bytesGained === 0 ? "-" : shownBytes(node.bytesGained),
      node.id,
    ]);
  const header = ["NODE", "ZONE", "THEN", "PARTITIONS", "COPIES", "RECEIVES", "ID"];
  return `${titleOf(plan)}\n${formatTable(header, rows)}${movesText(plan)}\n`;
}

function titleOf({ type, joining, leaving, epoch }: RingPlan): string {
  const count = (nodes: readonly string[]): string => `${nodes.length} node${nodes.length === 1 ? "" : "s"}`;
  switch (type) {
    case "join":
      return `Join of ${count(joining)}, planned at epoch ${epoch}:`;
    case "leave":
      return `Leave of ${count(leaving)}, planned at epoch ${epoch}:`;
    case "replace":
      return `Replacement of ${count(leaving)}, planned at epoch ${epoch}:`;
  }
}

function standing({ joining, leaving }: RingPlan, { id }: RingPlanNode): string {
  if (joining.includes(id)) return "joins";
  return leaving.includes(id) ? "leaves" : "stays";
}

function arrow({ before, after }: { before: number; after: number }): string {
  return before === after ? String(after) : `${before} -> ${after}`;
}

function movesText({ transfers, copiesMovedMin, bytesMoved }: RingPlan): string {
  const least =
    copiesMovedMin === transfers.length
      ? "the least that is possible"
      : `${copiesMovedMin} is the least for any plan with these loads`;
  const size = bytesMoved === null ? "their size is not known" : `about ${shownBytes(bytesMoved)}`;
  return `Moves ${transfers.length} copies of partitions (${least}), ${size}. Reads and writes go on meanwhile.`;
}
