import type { NodeId } from "../node-id.ts";
import { MessageAges } from "../peers/message-ages.ts";
import { compareRings, FORMED, type RingNumber } from "../ring/ring-number.ts";
import { openContext } from "../version/context.ts";
import { type Coordination, type CoordinatorParts, failure, planCoordination } from "./coordination.ts";
import { readBeforeDelete } from "./delete.ts";
import { decodeForwarded, encodeOutcome, type ForwardedRequest } from "./forwarding.ts";
import { coordinateGet } from "./get.ts";
import { coordinatePut } from "./put.ts";
import { OwnerMarks } from "./owner-marks.ts";
import { ReadRepair } from "./read-repair.ts";
import { isOwnTrouble, MINT_WITHIN_MS, routeRequest } from "./request-route.ts";
import type {
  DeleteRequest,
  Failure,
  GetRequest,
  PutRequest,
  ReadOutcome,
  WriteOutcome,
} from "./requests.ts";

/**
 * Takes a client's request at any node (Dynamo §5): an owner of the key coordinates it here, any other node hands
 * it on to a healthy owner, once. Where no owner is able to, a healthy stand-in coordinates (request-route.ts): a put
 * is refused only when nobody is left to keep it.
 */
export class Coordinator {
  readonly #parts: CoordinatorParts & { readRepair: ReadRepair; ownerMarks: OwnerMarks };
  readonly #ages = new MessageAges();

  constructor(parts: CoordinatorParts) {
    this.#parts = { ...parts, readRepair: new ReadRepair(parts), ownerMarks: new OwnerMarks(parts) };
  }

  async put(request: PutRequest): Promise<WriteOutcome> {
    const startedMs = this.#parts.clock.monotonicMs();
    const outcome = writeOutcome(await this.#route({ operation: "put", request }));
    this.#finished("put_finished", outcome, startedMs);
    return outcome;
  }

  async delete(request: DeleteRequest): Promise<WriteOutcome> {
    const startedMs = this.#parts.clock.monotonicMs();
    const outcome = writeOutcome(await this.#route({ operation: "delete", request }));
    this.#finished("put_finished", outcome, startedMs);
    return outcome;
  }

  async get(request: GetRequest): Promise<ReadOutcome> {
    const startedMs = this.#parts.clock.monotonicMs();
    const outcome = readOutcome(await this.#route({ operation: "get", request }));
    this.#finished("get_finished", outcome, startedMs);
    return outcome;
  }

  /**
   * A request that another node handed on: it is coordinated here, whatever this node thinks of the owners, and by no older ring than
   * its sender's where that is to be had.
   */
  async acceptForwarded(from: NodeId, body: Uint8Array, planned: RingNumber): Promise<Uint8Array> {
    const { timing, ...forwarded } = decodeForwarded(body);
    const nowMs = this.#parts.clock.monotonicMs();
    const ageMs = this.#ages.observe(from, timing.sentAtMs, nowMs);
    // Its sender may have gone on without this node: a write that is done twice, long after one another, is two writes.
    if (forwarded.operation !== "get" && ageMs > timing.beginWithinMs + AGE_ERROR_MS)
      return encodeOutcome(writeTooLate(ageMs));
    const waitedMs = this.#isBehind(planned) ? await this.#catchUp(from, planned) : 0;
    const plan = planCoordination(forwarded.request, this.#parts);
    if (!plan.ok) return encodeOutcome(plan.failure);
    const deadlineMs = plan.coordination.deadlineMs - waitedMs;
    // A get does no harm twice: it is refused only when nobody waits for it any more.
    if (forwarded.operation === "get") {
      if (deadlineMs - ageMs <= nowMs + waitedMs) return encodeOutcome(getTooLate(ageMs + waitedMs));
      const inTime = { ...plan.coordination, deadlineMs: deadlineMs - ageMs };
      return encodeOutcome(await coordinateGet(forwarded.request, inTime, this.#parts));
    }
    const coordination = {
      ...plan.coordination,
      deadlineMs,
      mintBeforeMs: Math.floor(nowMs - ageMs + MINT_WITHIN_MS),
    };
    const prepared = readsFirst(forwarded) ? await this.#prepare(forwarded, coordination) : forwarded;
    if ("kind" in prepared) return encodeOutcome(prepared);
    return encodeOutcome(await this.#coordinate(prepared, coordination));
  }

  #isBehind(planned: RingNumber): boolean {
    return compareRings(planned, this.#parts.ring.current() ?? FORMED) > 0;
  }

  /** How long that took, in milliseconds. */
  async #catchUp(from: NodeId, planned: RingNumber): Promise<number> {
    const { ring, clock } = this.#parts;
    const startedMs = clock.monotonicMs();
    await ring.catchUp(from, planned);
    return clock.monotonicMs() - startedMs;
  }

  /** A message from a peer that says when it was sent: the measure of how late others are. */
  heard(from: NodeId, sentAtMs: number): void {
    this.#ages.observe(from, sentAtMs, this.#parts.clock.monotonicMs());
  }

  /** The peer's clock begins anew if it comes back. */
  disconnected(peer: NodeId): void {
    this.#ages.forget(peer);
  }

  /** Coordinates here where this node owns the key and can; else wherever it finds a node that does. */
  async #route(asked: ForwardedRequest): Promise<WriteOutcome | ReadOutcome> {
    const planned = planCoordination(asked.request, this.#parts);
    if (!planned.ok) return planned.failure;
    const { coordination } = planned;
    const prepared = readsFirst(asked) ? await this.#prepare(asked, coordination) : asked;
    if ("kind" in prepared) return prepared;
    const coordinate = (how: Coordination): Promise<WriteOutcome | ReadOutcome> =>
      this.#coordinate(prepared, how);
    if (!coordination.routes.read.owners.includes(this.#parts.self))
      return routeRequest(prepared, coordination, this.#parts, { coordinate, failed: undefined });
    const outcome = await coordinate(coordination);
    if (!isOwnTrouble(outcome)) return outcome;
    return routeRequest(prepared, coordination, this.#parts, { coordinate, failed: outcome });
  }

  /**
   * A delete without a context becomes one with the context of what is there, before anybody else gets it: carried out
   * twice, it deletes the same again, and never what was written in between.
   */
  async #prepare(asked: BlindDelete, coordination: Coordination): Promise<ForwardedDelete | WriteOutcome> {
    const read = await readBeforeDelete(asked.request, coordination, this.#parts);
    return read.kind === "seen" ? { ...asked, request: { ...asked.request, context: read.context } } : read;
  }

  async #coordinate(
    asked: ForwardedRequest,
    coordination: Coordination,
  ): Promise<WriteOutcome | ReadOutcome> {
    if (asked.operation === "get") return coordinateGet(asked.request, coordination, this.#parts);
    const { request } = asked;
    const opened = openContext(request.context ?? nothing, coordination, this.#parts.hash);
    if (!opened.ok) return failure(opened.code, opened.message);
    const { bucket, key, requestId } = request;
    const seen = opened.coverage;
    if (asked.operation === "delete") {
      const write = { bucket, key, requestId, seen, tombstone: true, value: nothing, contentType: "" };
      return coordinatePut(write, coordination, this.#parts);
    }
    const { value, contentType } = asked.request;
    const write = { bucket, key, requestId, seen, tombstone: false, value, contentType };
    return coordinatePut(write, coordination, this.#parts);
  }

  #finished(
    kind: "put_finished" | "get_finished",
    outcome: WriteOutcome | ReadOutcome,
    startedMs: number,
  ): void {
    const durationMs = this.#parts.clock.monotonicMs() - startedMs;
    const name = outcome.kind === "failed" ? outcome.code : "ok";
    if (kind === "put_finished") this.#parts.observer.event({ kind, outcome: name, durationMs });
    else {
      const siblings = outcome.kind === "read" ? outcome.siblings.length : 0;
      this.#parts.observer.event({ kind, outcome: name, siblings, durationMs });
    }
  }
}

type ForwardedDelete = Extract<ForwardedRequest, { operation: "delete" }>;
type BlindDelete = ForwardedDelete & { readonly request: { readonly context: undefined } };

function readsFirst(asked: ForwardedRequest): asked is BlindDelete {
  return asked.operation === "delete" && asked.request.context === undefined;
}

const nothing = new Uint8Array(0);

/** What the clocks of two nodes may drift apart while nothing better is known. */
const AGE_ERROR_MS = 10;

function writeTooLate(ageMs: number): Failure {
  const message =
    `the write came ${Math.round(ageMs)} ms late and was not begun: its sender may have handed it to another ` +
    "node; retry";
  return failure("overloaded", message);
}

function getTooLate(ageMs: number): Failure {
  return failure("overloaded", `the get came ${Math.round(ageMs)} ms late: its time was up; retry`);
}

function writeOutcome(outcome: WriteOutcome | ReadOutcome): WriteOutcome {
  return outcome.kind === "read"
    ? { ...failure("coordinator_lost", "a peer answered a write as a read"), maybeApplied: true }
    : outcome;
}

function readOutcome(outcome: WriteOutcome | ReadOutcome): ReadOutcome {
  return outcome.kind === "written"
    ? failure("coordinator_lost", "a peer answered a read as a write")
    : outcome;
}
