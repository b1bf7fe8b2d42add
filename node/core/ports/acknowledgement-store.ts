/**
 * A small file for what peers acknowledged to this node (recovery/acknowledgements.ts), apart from the databases, so
 * that it does not get lost with them. Losing it harms nothing by itself.
 */
export interface AcknowledgementStore {
  /** Undefined where there is none, or none that can be read. */
  load(): Uint8Array | undefined;
  /** Replaces it as a whole. May reject; a later call tries again. */
  save(bytes: Uint8Array): Promise<void>;
}
