import type { NodeId } from "../../node-id.ts";

/**
 * A try to get an epoch decided (Lamport, "Paxos made simple", proposal numbers). Totally ordered; no two nodes use the
 * same, and a node uses none twice: it saves a ballot before it sends it (proposal.ts).
 */
export interface Ballot {
  /** From 1. */
  readonly round: number;
  readonly node: NodeId;
}

/** Negative where `a` is lower. */
export function compareBallots(a: Ballot, b: Ballot): number {
  return a.round - b.round || (a.node < b.node ? -1 : a.node > b.node ? 1 : 0);
}

/** The lowest ballot of this node that is higher than all it has seen. */
export function ballotAbove(seen: Ballot | undefined, node: NodeId): Ballot {
  return { round: (seen?.round ?? 0) + 1, node };
}

export function higherBallot(a: Ballot | undefined, b: Ballot | undefined): Ballot | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return compareBallots(a, b) < 0 ? b : a;
}
