/** A member's identity: a UUID kept on its volume (node.json). Pod name and address are only where it is today. */
export type NodeId = string & { readonly __brand: "NodeId" };

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Throws a TypeError that names the offending text unless it is a lower-case UUID. */
export function parseNodeId(text: string): NodeId {
  if (!UUID.test(text)) throw new TypeError(`not a node id (lower-case UUID): ${JSON.stringify(text)}`);
  return text as NodeId;
}

export function isNodeId(value: unknown): value is NodeId {
  return typeof value === "string" && UUID.test(value);
}
