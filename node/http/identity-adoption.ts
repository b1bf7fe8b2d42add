import { type NodeId, parseNodeId } from "../core/node-id.ts";
import type { PeerDirectory } from "../core/ports/peer-directory.ts";
import type { RingKeeper } from "../core/ring/ring-keeper.ts";

/**
 * A node that lost its volume starts with a fresh id, and the ring waits for the old one. Whoever operates the cluster
 * may tell it to take the old id over; co-owners then recognise a member that lost its disk, count it for nothing and
 * fill it (docs/decisions). Refused wherever it could put two nodes behind one id or data behind a wrong one.
 */
export type AdoptionOutcome =
  /** The process ends, and serves under the id once it is started again. */
  | { readonly kind: "adopted"; readonly id: NodeId }
  /** 409: this node is not empty, or the id is in use. */
  | { readonly kind: "refused"; readonly message: string };

export interface AdoptionFacts {
  readonly self: NodeId;
  readonly ring: RingKeeper;
  readonly directory: PeerDirectory;
  /** Rows in both databases. */
  readonly rows: number;
}

/** Undefined where nothing speaks against it. */
export function objectionTo(id: NodeId, { self, ring, directory, rows }: AdoptionFacts): string | undefined {
  if (id === self) return undefined;
  const { state } = ring.kept();
  if (state !== "none")
    return `node ${self} is ${state === "serving" ? "a member of a ring" : "about to form a ring"}`;
  if (rows > 0) return `node ${self} keeps ${rows} rows: only an empty node may take over an id`;
  const peers = directory.peers().filter(({ connected }) => connected);
  if (peers.length === 0)
    return `node ${self} has met nobody yet: it cannot know whether ${id} lives; try again`;
  if (peers.some((peer) => peer.id === id)) return `node ${id} lives: this node is connected to it`;
  return undefined;
}

/** The body of POST /admin/v1/identity: `{"id": "<UUID>"}`; what is wrong with it where it is another. */
export function parseAdoption(body: unknown): { readonly id: NodeId } | { readonly problem: string } {
  if (typeof body !== "object" || body === null || Array.isArray(body))
    return { problem: "the body is not a JSON object" };
  const { id, ...rest } = body as Record<string, unknown>;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) return { problem: `unknown field ${JSON.stringify(unknown.slice(0, 40))}` };
  if (typeof id !== "string")
    return { problem: "id is missing: the UUID of the member whose volume was lost" };
  try {
    return { id: parseNodeId(id) };
  } catch (error) {
    return { problem: `id: ${(error as Error).message}` };
  }
}
