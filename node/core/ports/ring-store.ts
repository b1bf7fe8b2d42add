/** The durable home of the ring document, apart from the data: losing one must not lose the other. */
export interface RingStore {
  /** The bytes last saved, undefined where none were. */
  load(): Uint8Array | undefined;
  /** Resolves when the bytes are on stable storage; the old ones survive a crash in the middle. */
  save(bytes: Uint8Array): Promise<void>;
}
