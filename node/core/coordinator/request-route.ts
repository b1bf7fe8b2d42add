import { MalformedBytes } from "../bytes/byte-reader.ts";
import type { NodeId } from "../node-id.ts";
import type { CancelTimer } from "../ports/timers.ts";
import {
  bestFirst,
  type Coordination,
  type CoordinatorParts,
  failure,
  handOnDelayMs,
  remainingMs,
} from "./coordination.ts";
import { decodeOutcome, encodeForwarded, type ForwardedRequest } from "./forwarding.ts";
import type { Failure, FailureCode, ReadOutcome, WriteOutcome } from "./requests.ts";

export type Outcome = WriteOutcome | ReadOutcome;

/**
 * Finds a coordinator for a request that this node does not own, or cannot take itself (Dynamo §5): the best healthy
 * owner first; the next one where it refuses, is lost, or stays silent for the hand-on delay; after two silences this
 * node as a stand-in. The first success is the answer, a failure only when nobody is left to wait for. A write that
 * two nodes took has two dots and is one write (docs/decisions/0002, 0007); whoever gets it late refuses it.
 *
 * Bound, under a netsplit that drops packets while connections stand: a put takes at most three hand-on delays (≤ 75 ms
 * each: one more than there are silences, where the first owner answered something on its last moment), one hedge
 * delay (≤ 250 ms, replication.ts) where a node is silent that this request has not met, and one durable round: below
 * 500 ms with disks that sync in 20 ms; some 100 ms as a rule. Owners found silent here are doubled at once there.
 */
export function routeRequest(
  asked: ForwardedRequest,
  coordination: Coordination,
  parts: CoordinatorParts,
  own: OwnAttempt,
): Promise<Outcome> {
  return new RequestRoute(asked, coordination, parts, own).run();
}

/** What this node can do itself. */
export interface OwnAttempt {
  readonly coordinate: (coordination: Coordination) => Promise<Outcome>;
  /** Why it could not; undefined where it has not tried. */
  readonly failed: Failure | undefined;
}

/** "not_taken": the node has certainly not begun, or it does no harm if it has. */
type Attempted = Outcome | "not_taken" | "lost";

class RequestRoute {
  readonly #asked: ForwardedRequest;
  readonly #coordination: Coordination;
  readonly #parts: CoordinatorParts;
  readonly #own: OwnAttempt;
  /** Who may still be tried, best first. */
  readonly #candidates: NodeId[];
  readonly #silent = new Set<NodeId>();
  #failure: Failure | undefined;
  /** Some node got the write and did not say what became of it. */
  #mayBeTaken = false;
  /** Number of the attempt that was begun last, and how many have not ended. */
  #latest = 0;
  #underWay = 0;
  #timer: CancelTimer | undefined;
  #finish: ((outcome: Outcome) => void) | undefined;
  #broken: ((error: unknown) => void) | undefined;

  constructor(asked: ForwardedRequest, coordination: Coordination, parts: CoordinatorParts, own: OwnAttempt) {
    this.#asked = asked;
    this.#coordination = coordination;
    this.#parts = parts;
    this.#own = own;
    this.#failure = own.failed;
    this.#candidates = candidates(coordination, parts, own);
  }

  run(): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      this.#broken = reject;
      this.#finish = (outcome) => {
        this.#timer?.();
        this.#finish = undefined;
        resolve(outcome);
      };
      this.#next();
    });
  }

  #next(): void {
    this.#timer?.();
    this.#timer = undefined;
    const node = remainingMs(this.#coordination, this.#parts) > 0 ? this.#pick() : undefined;
    if (node === undefined) {
      if (this.#underWay === 0) this.#finish?.(this.#failed());
      return;
    }
    const attempt = ++this.#latest;
    this.#underWay += 1;
    const ended = node === this.#parts.self ? this.#coordinateHere() : this.#forward(node, attempt);
    void ended.then((attempted) => this.#ended(attempt, attempted), this.#broken);
  }

  /** After two silences nobody else is trusted to answer soon. */
  #pick(): NodeId | undefined {
    const own = this.#silent.size < SILENCES_MAX ? -1 : this.#candidates.indexOf(this.#parts.self);
    return own < 0 ? this.#candidates.shift() : this.#candidates.splice(own, 1)[0];
  }

  #coordinateHere(): Promise<Outcome> {
    return this.#own.coordinate({ ...this.#coordination, silent: this.#silent });
  }

  #ended(attempt: number, attempted: Attempted): void {
    this.#underWay -= 1;
    if (this.#finish === undefined) return;
    let goesOn = true;
    if (attempted === "lost") this.#mayBeTaken = true;
    else if (attempted !== "not_taken") {
      if (attempted.kind !== "failed") return this.#finish(attempted);
      if (DECISIVE.includes(attempted.code)) return this.#finish(this.#inDoubt(attempted));
      if (attempted.maybeApplied || this.#failure?.maybeApplied !== true) this.#failure = attempted;
      goesOn = isOwnTrouble(attempted);
    }
    if (goesOn && attempt === this.#latest) this.#next();
    else if (this.#underWay === 0) this.#finish(this.#failed());
  }

  async #forward(node: NodeId, attempt: number): Promise<Attempted> {
    const { calls, clock, observer } = this.#parts;
    const timeoutMs = Math.floor(remainingMs(this.#coordination, this.#parts));
    if (timeoutMs <= 0) return "not_taken";
    // Less time than is left here: an outcome that its coordinator has at the last moment must still travel back.
    const returnMs = Math.min(RETURN_MS_MAX, Math.ceil(timeoutMs / 10));
    const options = { ...this.#asked.request.options, timeoutMs: timeoutMs - returnMs };
    const handed = { ...this.#asked, request: { ...this.#asked.request, options } } as ForwardedRequest;
    const delayMs = handOnDelayMs(this.#parts);
    const sentAtMs = clock.monotonicMs();
    const timing = { sentAtMs: Math.floor(sentAtMs), beginWithinMs: Math.ceil(delayMs) };
    const body = encodeForwarded(handed, timing);
    const request = { kind: "forward", body, planned: this.#coordination.ring } as const;
    observer.event({ kind: "request_forwarded", peerId: node });
    const answering = calls.call(node, request, { timeoutMs, lane: "foreground" });
    this.#handOnLater(node, attempt, { delayMs, sentAtMs });
    const answer = await answering;
    if (answer.status === "answered") return this.#outcomeFrom(node, answer.body);
    return answer.status === "lost" && this.#asked.operation !== "get" ? "lost" : "not_taken";
  }

  /**
   * Once in each delay it is looked whether the node says anything. Whoever does is busy, not gone: to hand its work on
   * would be more work for all (a write for three) and a second dot. So a write that nothing is heard of asks.
   */
  #handOnLater(node: NodeId, attempt: number, waited: { delayMs: number; sentAtMs: number }): void {
    const { timers, clock, calls } = this.#parts;
    const isOver = (): boolean => this.#finish === undefined || attempt !== this.#latest;
    const lookedMs = clock.monotonicMs();
    const look = (): void => {
      if (isOver()) return;
      const isBusy = calls.hasAnsweredSince(node, lookedMs);
      if (isBusy && clock.monotonicMs() - waited.sentAtMs < BUSY_MS_MAX)
        return this.#handOnLater(node, attempt, waited);
      this.#silent.add(node);
      if (this.#candidates.length === 0) return;
      this.#parts.observer.event({ kind: "request_handed_on", peerId: node });
      this.#next();
    };
    const quietMs = waited.delayMs * PROBE_AFTER;
    this.#timer = timers.after(quietMs, () => {
      if (isOver()) return;
      if (this.#asked.operation !== "get" && !calls.hasAnsweredSince(node, lookedMs)) this.#parts.probe(node);
      this.#timer = timers.after(waited.delayMs - quietMs, look);
    });
  }

  #outcomeFrom(node: NodeId, body: Uint8Array): Attempted {
    try {
      return decodeOutcome(body);
    } catch (error) {
      if (!(error instanceof MalformedBytes)) throw error;
      this.#parts.observer.event({ kind: "peer_message_refused", peerId: node, reason: error.message });
      return this.#asked.operation === "get" ? "not_taken" : "lost";
    }
  }

  #failed(): Failure {
    const known = this.#failure;
    if (known !== undefined && (known.maybeApplied || !this.#mayBeTaken)) return this.#inDoubt(known);
    return this.#inDoubt(this.#mayBeTaken ? coordinatorLost : nobodyCoordinates);
  }

  /** As the failure says, but a write that somebody else has begun, or may be carrying out, is not "provably not applied". */
  #inDoubt(known: Failure): Failure {
    const isWrite = this.#asked.operation !== "get";
    const isElsewhere = this.#mayBeTaken || this.#underWay > 0 || this.#failure?.maybeApplied === true;
    const maybeApplied = known.maybeApplied || (isWrite && isElsewhere);
    if (!maybeApplied) return known;
    // With what the delete has read, a retry deletes that and nothing that was written since.
    const read = this.#asked.operation === "delete" ? this.#asked.request.context : undefined;
    return { ...known, maybeApplied, context: known.context.length > 0 ? known.context : (read ?? nothing) };
  }
}

/**
 * Who may coordinate, best first: healthy owners, this node, the first other healthy stand-in. Where this node has
 * tried and could not, the others.
 */
function candidates(coordination: Coordination, parts: CoordinatorParts, own: OwnAttempt): NodeId[] {
  const { owners, fallbacks } = coordination.routes.read;
  const others = bestFirst(owners, coordination, parts).filter((node) => node !== parts.self);
  if (own.failed === undefined) others.push(parts.self);
  const standIn = fallbacks.find((node) => node !== parts.self && parts.isHealthy(node));
  return standIn === undefined ? others : [...others, standIn];
}

/** Failures of the coordinating node itself, that left no trace: another node may do better. */
export function isOwnTrouble(outcome: Outcome): outcome is Failure {
  if (outcome.kind !== "failed" || outcome.maybeApplied) return false;
  return OWN_TROUBLE.includes(outcome.code);
}

const OWN_TROUBLE: readonly FailureCode[] = ["read_only", "storage_failed", "overloaded", "no_ring"];

/** Failures that lie in the request: every other node would say the same. */
const DECISIVE: readonly FailureCode[] = [
  "invalid_context",
  "context_mismatch",
  "invalid_quorum",
  "too_many_siblings",
  "record_too_large",
  "key_collision",
];

const SILENCES_MAX = 2;
/** Of the hand-on delay: so late a sign of life is asked for, and the rest is its time to arrive. */
const PROBE_AFTER = 0.6;
/** Until so long after it was sent a forwarded write may be begun: what a slow disk's queue takes. */
export const MINT_WITHIN_MS = 600;
/**
 * How long a node that answers may take for a request before it is handed on all the same: by then a write that it has
 * not begun it never will, and one that it has begun has had a hedge delay and a slow disk's commit to end.
 */
const BUSY_MS_MAX = MINT_WITHIN_MS + 300;
/** The way back of a forwarded request's outcome. */
const RETURN_MS_MAX = 50;

const nothing = new Uint8Array(0);

const nobodyCoordinates = failure(
  "quorum_unreachable",
  "no node that may coordinate this key answered in time",
);

const coordinatorLost: Failure = {
  kind: "failed",
  code: "coordinator_lost",
  message: "the coordinating node was lost after it got the write; retry with the same request id",
  maybeApplied: true,
  context: nothing,
};
