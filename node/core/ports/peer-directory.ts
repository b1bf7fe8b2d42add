import type { NodeId } from "../node-id.ts";

/** What a peer said of itself in its hello: how it can be reached now, and what it runs. */
export interface PeerDescription {
  readonly id: NodeId;
  /** host:port of its peer listener. */
  readonly address: string;
  /** host:port of its client listener; empty where it did not say. */
  readonly clientAddress: string;
  readonly zone: string;
  /** Software version, for people. */
  readonly version: string;
  readonly connected: boolean;
}

export interface PeerDirectory {
  /** Every peer that said hello since this process started, connected or not; ascending by id. Not this node. */
  peers(): readonly PeerDescription[];
  /** Another node says that `peer` can be reached at `address` (host:port): worth dialling while it is not connected. */
  learn(peer: NodeId, address: string): void;
}
