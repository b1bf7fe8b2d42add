/** The part of Hash that needs no secret: all that a storage thread has. */
export interface Digester {
  /** 16 bytes. Positions on the ring and digests of records; not a defence against an adversary. */
  md5(bytes: Uint8Array): Uint8Array;
}

export interface Hash extends Digester {
  /**
   * Keyed hash (HMAC-SHA-256, first 16 bytes) under the secret named `keyId`; undefined where that key is unknown or
   * retired for more than 30 days.
   */
  mac(keyId: number, bytes: Uint8Array): Uint8Array | undefined;
  /** The id (0–255) of the key that new tags are made with. */
  currentKeyId(): number;
}
