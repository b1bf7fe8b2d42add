/**
 * A broken invariant is a programmer's error: the process must not go on with state it does not understand.
 * Expected outcomes (a silent peer, bad input) are values, never this.
 */
export function invariant(condition: boolean, explanation: string): asserts condition {
  if (!condition) throw new InvariantBroken(explanation);
}

export class InvariantBroken extends Error {
  constructor(explanation: string) {
    super(`invariant broken: ${explanation}`);
    this.name = "InvariantBroken";
  }
}
