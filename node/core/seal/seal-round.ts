import type { NodeId } from "../node-id.ts";
import type { Ring } from "../ring/ring.ts";
import type { NodeSettings } from "../settings.ts";

/**
 * Which records of a partition may be forgotten (sealed-record.ts). Every member of the ring is asked, not the owners alone: a
 * stand-in that was away may hold, as a hint, the value that a tombstone deletes. Two passes: in the first nobody holds
 * an older copy; what was on its way or in a request's memory then has arrived or is gone by the second, PAUSE later, which
 * finds it where it arrived; unless it went on from there in between, so each member also watches the rows from
 * its first answer to its second, and what was written there is not covered. Then no row has held anything older for a whole
 * PAUSE, and nothing that is on its way was read from one.
 *
 * A member that is down, that serves another ring, that has lost data or that stood still since the first pass, or a change under
 * way: no round. Source: Garage's tombstone collection, whose hole (a partition that is moving) the ring's digest closes.
 */
export interface SealAnswer {
  /** Hex digest of the ring that the member serves. */
  readonly ring: string;
  /** It has lost data and is not whole again (decision 12): what it holds may be older than any answer. */
  readonly isRecovering: boolean;
  /** How long its process has run without a stall: one that stood still may have read old messages since. */
  readonly steadyMs: number;
  /** How long what it reads from a row may be on its way, at most: the pause must not be shorter (sealPauseMs). */
  readonly pauseMs: number;
  /** For each record asked about, in order: whether no copy, hint or write under way of it holds anything else. */
  readonly covered: readonly boolean[];
}

export interface PassQuestion {
  /** Nodes that have left, and may still have copies, are asked like members. */
  readonly ring: { readonly members: readonly { readonly id: NodeId }[]; readonly change: Ring["change"] };
  readonly digest: string;
  /** Records asked about, at most SEALED_AT_ONCE_MAX. */
  readonly records: number;
}

export type Pass =
  /** `covered`: the indices of those that nobody holds anything else of; ascending. */
  | { readonly kind: "passed"; readonly covered: readonly number[] }
  | { readonly kind: "no_round"; readonly node: NodeId | undefined; readonly reason: NoRoundReason };

export type NoRoundReason =
  "changing" | "silent" | "declined" | "other_ring" | "recovering" | "malformed" | "unsteady";

/** One message and its answers stay small; a partition with more takes more rounds. */
export const SEALED_AT_ONCE_MAX = 1_024;

/**
 * Of a member with these settings, from the last answer of the first pass to the first question of the second: longer than a request
 * lives plus what its last message takes on a link that is not yet believed dead.
 */
export function sealPauseMs(settings: Pick<NodeSettings, "requestTimeoutMsMax" | "sealPauseMs">): number {
  return Math.max(settings.sealPauseMs, 2 * settings.requestTimeoutMsMax);
}

/** The pause that a round must make whose first pass was answered so. */
export function pauseOf(answers: Iterable<SealAnswer>): number {
  let longestMs = 0;
  for (const { pauseMs } of answers) longestMs = Math.max(longestMs, pauseMs);
  return longestMs;
}

/** `answers` of all who answered in time, this node's own among them. */
export function firstPass(question: PassQuestion, answers: ReadonlyMap<NodeId, SealAnswer>): Pass {
  const { ring, digest, records } = question;
  if (ring.change !== null) return noRound("changing", undefined);
  let covered = Array.from({ length: records }, (_, index) => index);
  for (const { id } of ring.members) {
    const answer = answers.get(id);
    if (answer === undefined) return noRound("silent", id);
    if (answer.ring !== digest) return noRound("other_ring", id);
    if (answer.isRecovering) return noRound("recovering", id);
    if (answer.covered.length !== records) return noRound("malformed", id);
    covered = covered.filter((index) => answer.covered[index]);
  }
  return { kind: "passed", covered };
}

/**
 * The second pass, about those that passed the first. What is covered now may be sealed: members are told, and each decides on
 * what it holds then (`afterSeal`).
 */
export function secondPass(
  question: PassQuestion,
  answers: ReadonlyMap<NodeId, SealAnswer>,
  { firstDigest, pausedMs, sinceFirstMs }: SinceFirst,
): Pass {
  if (question.digest !== firstDigest) return noRound("changing", undefined);
  if (pausedMs < pauseOf(answers.values())) return noRound("unsteady", undefined);
  const pass = firstPass(question, answers);
  if (pass.kind === "no_round") return pass;
  const unsteady = question.ring.members.find(({ id }) => answers.get(id)!.steadyMs < sinceFirstMs);
  return unsteady === undefined ? pass : noRound("unsteady", unsteady.id);
}

export interface SinceFirst {
  readonly firstDigest: string;
  /** From the last answer of the first pass to the first question of the second. */
  readonly pausedMs: number;
  /** From the same moment to the last answer of the second. */
  readonly sinceFirstMs: number;
}

function noRound(reason: NoRoundReason, node: NodeId | undefined): Pass {
  return { kind: "no_round", node, reason };
}
