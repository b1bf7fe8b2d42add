import { MESSAGE_BYTES_MAX } from "../core/wire/frame.ts";

/** Bounds of the peer links; each has a counter or a log line where it is hit. */
export interface PeerLimits {
  /** Bytes queued to one peer on one connection, for each class: small and long messages. */
  readonly windowBytes: number;
  readonly controlWindowBytes: number;
  /** What is handed to the socket ahead of the kernel. What lies there can no longer be overtaken. */
  readonly socketBytesMax: number;
  readonly messageBytesMax: number;
  /** From the first packet to the accepted proof, dialling included. */
  readonly handshakeMs: number;
  /** Inbound connections that have not proven themselves yet. */
  readonly handshakesMax: number;
  readonly connectionsMax: number;
  /** Peers that said hello since the start, connected or not. */
  readonly peersMax: number;
  /** Addresses that are dialled. */
  readonly addressesMax: number;
  readonly pingIntervalMs: number;
  /** A connection without a byte for this long is dead. */
  readonly silenceMs: number;
  readonly backoffMsMin: number;
  readonly backoffMsMax: number;
  /** How often the names among the seeds are looked up again. */
  readonly resolveIntervalMs: number;
}

export const defaultPeerLimits: PeerLimits = {
  windowBytes: 16 * 1024 * 1024,
  controlWindowBytes: 4 * 1024 * 1024,
  socketBytesMax: 256 * 1024,
  messageBytesMax: MESSAGE_BYTES_MAX,
  handshakeMs: 3_000,
  handshakesMax: 128,
  connectionsMax: 2_048,
  peersMax: 1_024,
  addressesMax: 2_048,
  pingIntervalMs: 1_000,
  silenceMs: 5_000,
  backoffMsMin: 100,
  backoffMsMax: 5_000,
  resolveIntervalMs: 5_000,
};
