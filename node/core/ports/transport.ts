import type { NodeId } from "../node-id.ts";

/**
 * Which connection a message travels on: "control" (gossip, ring) never waits behind data, "foreground" carries
 * requests, "bulk" carries repair and handoff.
 */
export type Lane = "control" | "foreground" | "bulk";

export type PeerEvent =
  | { kind: "connected"; peer: NodeId }
  /** Messages that were under way may or may not have arrived. */
  | { kind: "disconnected"; peer: NodeId };

/** Delivers whole messages between members: in order within a lane at best; may lose, never corrupts. */
export interface Transport {
  /** Queues a message. False, and nothing sent, where the peer is not connected or its window is full. */
  send(to: NodeId, message: Uint8Array, lane: Lane): boolean;
  isConnected(peer: NodeId): boolean;
  /** One handler each, set once before the first event. The bytes belong to the handler. */
  onMessage(handler: (from: NodeId, message: Uint8Array, lane: Lane) => void): void;
  onPeer(handler: (event: PeerEvent) => void): void;
}
