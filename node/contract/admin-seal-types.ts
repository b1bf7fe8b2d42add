/** The part of GET /admin/v1/status that tells of seal rounds; of the same contract as admin-types.ts. */
export interface AdminSealRound {
  readonly agoMs: number;
  /**
   * "sealed": it went through, though maybe for no key. Else why there was none: a member, or a node that has left and is waited for,
   * was `silent`, `recovering`, `unsteady` (it stood still or was started meanwhile), had `other_ring`, `declined`, answered `malformed`,
   * or the ring was `changing`.
   */
  readonly outcome: string;
  /** Id of the node that was the reason; empty where none was. */
  readonly node: string;
  /** Keys asked about, and those that all members were told to forget. */
  readonly asked: number;
  readonly sealed: number;
}
