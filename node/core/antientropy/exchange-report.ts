import type { NodeId } from "../node-id.ts";

/** What an exchange with one peer came to. Counts are of this exchange; bytes are those of message bodies. */
export interface ExchangeReport extends ExchangeCounts {
  readonly peer: NodeId;
  /**
   * "equal": nothing differs. "repaired": all that differed was moved, or a root of this node's tree that was
   * wrong was written anew. "failed": some of it was not, `reason` says
   * why. "postponed": it did not begin, since the peer is busy or has another ring.
   */
  readonly outcome: "equal" | "repaired" | "failed" | "postponed";
  /** For people; empty where nothing went wrong. */
  readonly reason: string;
  /** The partitions in which this node now holds all that the peer held when the exchange began. */
  readonly partitionsCovered: readonly number[];
  /** Those of them in which the peer has rows that it cannot read: this node holds all the rest. */
  readonly partitionsUnreadable: readonly number[];
  readonly durationMs: number;
}

export interface ExchangeCounts {
  readonly partitionsCompared: number;
  readonly partitionsDiffering: number;
  /** That still differed at the second look. */
  readonly leavesDiffering: number;
  readonly rowsCompared: number;
  readonly rowsDiffering: number;
  readonly recordsPulled: number;
  readonly recordsPushed: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

/** The counts while they are made. */
export type ExchangeTally = { -readonly [Name in keyof ExchangeCounts]: number };

export function noExchange(): ExchangeTally {
  return {
    partitionsCompared: 0,
    partitionsDiffering: 0,
    leavesDiffering: 0,
    rowsCompared: 0,
    rowsDiffering: 0,
    recordsPulled: 0,
    recordsPushed: 0,
    bytesSent: 0,
    bytesReceived: 0,
  };
}

/** How long something may take that asks a peer. */
export interface TimeAllowed {
  /** On the monotonic clock. */
  readonly deadlineMs: number;
  /** False once nobody waits for it any more. */
  readonly isWanted: () => boolean;
}

/** Ends an exchange where it stands. Caught where the exchange began, never seen outside of antientropy/. */
export class ExchangeStopped extends Error {
  readonly outcome: "failed" | "postponed";

  constructor(outcome: "failed" | "postponed", message: string) {
    super(message);
    this.name = "ExchangeStopped";
    this.outcome = outcome;
  }
}

/** The value of what the own store was asked. Throws ExchangeStopped where it could not be read. */
export function readOrStop<T extends { readonly status: "read" }>(
  read: T | { readonly status: "failed"; readonly message: string },
): T {
  if (read.status === "failed")
    throw new ExchangeStopped("failed", `this node's own store could not be read: ${read.message}`);
  return read;
}
