import { type NodeId, parseNodeId } from "../core/node-id.ts";

/** Undefined unless it is a list of at most `max` node ids, each once. */
export function parseNodeIds(value: unknown, max: number): NodeId[] | undefined {
  if (!Array.isArray(value) || value.length > max) return undefined;
  const ids = new Set<NodeId>();
  for (const item of value as unknown[]) {
    if (typeof item !== "string") return undefined;
    try {
      ids.add(parseNodeId(item));
    } catch (error) {
      if (error instanceof TypeError) return undefined;
      throw error;
    }
  }
  return ids.size === value.length ? [...ids] : undefined;
}
