import type { NodeId } from "../node-id.ts";

/**
 * Questions between members about the ring and the membership, and their answers. The link carries them as JSON, so
 * a message holds only what JSON can; a receiver ignores fields it does not know, since a peer may be newer.
 */
export interface ControlCalls {
  /**
   * Asks a peer and resolves with its answer, or with undefined where none came within `timeoutMs`: then the peer may
   * or may not have acted. Never rejects. The answer is as the peer sent it: not validated beyond having a type.
   */
  call(to: NodeId, message: ControlMessage, timeoutMs: number): Promise<ControlMessage | undefined>;
}

export interface ControlMessage {
  /** What it is, prefixed by its subject: "ring.propose". */
  readonly type: string;
  readonly [field: string]: unknown;
}
