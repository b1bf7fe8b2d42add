import type { NodeId } from "../core/node-id.ts";

/** Since the process started; one set a peer. Plain numbers: they are bumped for every message. */
export interface PeerCounters {
  messagesSent: number;
  bytesSent: number;
  messagesReceived: number;
  bytesReceived: number;
  /** Messages that `send` refused: not connected, window full, too long for the peer. */
  refusedNotConnected: number;
  refusedWindowFull: number;
  /** Foreground connections made so far. */
  connects: number;
  disconnects: number;
  /** Last round trip of a ping; undefined before the first. */
  pingMs: number | undefined;
}

export interface TransportCounters {
  /** Connections that were turned away before they became a peer, by refusal code or "garbage", "timeout", "closed". */
  readonly handshakesFailed: ReadonlyMap<string, number>;
  readonly peers: readonly (PeerCounters & {
    readonly id: NodeId;
    readonly connected: boolean;
    /** Waiting in this node's memory for the two connections. */
    readonly queuedBytes: number;
  })[];
}

export function newPeerCounters(): PeerCounters {
  return {
    messagesSent: 0,
    bytesSent: 0,
    messagesReceived: 0,
    bytesReceived: 0,
    refusedNotConnected: 0,
    refusedWindowFull: 0,
    connects: 0,
    disconnects: 0,
    pingMs: undefined,
  };
}
