/**
 * One end of a two-way pipe between the network thread and a storage thread. Ordered, never loses while both ends
 * live. The sender gives the bytes away (they are transferred, not cloned) and must not touch them again.
 */
export interface MessagePipe {
  post(message: Uint8Array): void;
  /** One handler, set once. */
  onMessage(handler: (message: Uint8Array) => void): void;
}
