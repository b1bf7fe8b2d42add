export interface Random {
  /** `length` unpredictable bytes. */
  bytes(length: number): Uint8Array;
  /** A uniform integer in [0, limit). */
  below(limit: number): number;
}
