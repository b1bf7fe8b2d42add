import { MalformedBytes } from "../bytes/byte-reader.ts";
import type { NodeId } from "../node-id.ts";
import { openContext } from "../version/context.ts";
import type { Coverage } from "../version/coverage.ts";
import {
  type Coordination,
  type CoordinatorParts,
  failure,
  planCoordination,
  remainingMs,
  selfFirst,
} from "./coordination.ts";
import { coordinateDelete } from "./delete.ts";
import {
  decodeForwarded,
  decodeOutcome,
  encodeForwarded,
  encodeOutcome,
  type ForwardedRequest,
} from "./forwarding.ts";
import { coordinateGet } from "./get.ts";
import { coordinatePut } from "./put.ts";
import { ReadRepair } from "./read-repair.ts";
import type {
  DeleteRequest,
  Failure,
  FailureCode,
  GetRequest,
  PutRequest,
  ReadOutcome,
  WriteOutcome,
} from "./requests.ts";

/**
 * Takes a client's request at any node (Dynamo §5): an owner of the key coordinates it here, any other node hands
 * it on to a healthy owner, once. Where no owner is able to, the first healthy stand-in coordinates: a put is
 * refused only when nobody is left to keep it.
 */
export class Coordinator {
  readonly #parts: CoordinatorParts & { readRepair: ReadRepair };

  constructor(parts: CoordinatorParts) {
    this.#parts = { ...parts, readRepair: new ReadRepair(parts) };
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

  /** A request that another node handed on: it is coordinated here, whatever this node thinks of the owners. */
  async acceptForwarded(body: Uint8Array): Promise<Uint8Array> {
    const forwarded = decodeForwarded(body);
    const planned = planCoordination(forwarded.request, this.#parts);
    if (!planned.ok) return encodeOutcome(planned.failure);
    return encodeOutcome(await this.#coordinate(forwarded, planned.coordination));
  }

  /** Asks one candidate after the other, until one neither passes the request by nor fails for reasons of its own. */
  async #route(asked: ForwardedRequest): Promise<WriteOutcome | ReadOutcome> {
    const planned = planCoordination(asked.request, this.#parts);
    if (!planned.ok) return planned.failure;
    const { coordination } = planned;
    let outcome: WriteOutcome | ReadOutcome = nobodyCoordinates;
    for (const node of coordinators(coordination, this.#parts)) {
      const answered =
        node === this.#parts.self
          ? await this.#coordinate(asked, coordination)
          : await this.#forward(node, asked, coordination);
      if (answered === undefined) continue;
      outcome = answered;
      if (!isOwnTrouble(outcome)) return outcome;
    }
    return outcome;
  }

  async #coordinate(
    asked: ForwardedRequest,
    coordination: Coordination,
  ): Promise<WriteOutcome | ReadOutcome> {
    switch (asked.operation) {
      case "get":
        return coordinateGet(asked.request, coordination, this.#parts);
      case "put": {
        const { request } = asked;
        const opened = openContext(request.context, coordination, this.#parts.hash);
        if (!opened.ok) return failure(opened.code, opened.message);
        const { bucket, key, value, contentType, requestId } = request;
        const write = { bucket, key, value, contentType, requestId, tombstone: false, seen: opened.coverage };
        return coordinatePut(write, coordination, this.#parts);
      }
      case "delete": {
        const { request } = asked;
        let seen: Coverage | undefined;
        if (request.context !== undefined) {
          const opened = openContext(request.context, coordination, this.#parts.hash);
          if (!opened.ok) return failure(opened.code, opened.message);
          seen = opened.coverage;
        }
        return coordinateDelete({ ...request, seen }, coordination, this.#parts);
      }
    }
  }

  /**
   * Undefined where the node did not take the request, so that another one may. A write that may have reached it is
   * not sent to another: the client learns that it may be applied. A read does no harm twice.
   */
  async #forward(
    node: NodeId,
    asked: ForwardedRequest,
    coordination: Coordination,
  ): Promise<WriteOutcome | ReadOutcome | undefined> {
    const timeoutMs = Math.floor(remainingMs(coordination, this.#parts));
    if (timeoutMs <= 0) return undefined;
    // Less time than is left here: an outcome that its coordinator has at the last moment must still travel back.
    const returnMs = Math.min(RETURN_MS_MAX, Math.ceil(timeoutMs / 10));
    const options = { ...asked.request.options, timeoutMs: timeoutMs - returnMs };
    const body = encodeForwarded({ ...asked, request: { ...asked.request, options } } as ForwardedRequest);
    this.#parts.observer.event({ kind: "request_forwarded", peerId: node });
    const answer = await this.#parts.calls.call(
      node,
      { kind: "forward", body },
      { timeoutMs, lane: "foreground" },
    );
    if (answer.status === "answered") return this.#outcomeFrom(node, answer.body);
    return answer.status === "lost" && asked.operation !== "get" ? coordinatorLost : undefined;
  }

  #outcomeFrom(node: NodeId, body: Uint8Array): WriteOutcome | ReadOutcome {
    try {
      return decodeOutcome(body);
    } catch (error) {
      if (!(error instanceof MalformedBytes)) throw error;
      this.#parts.observer.event({ kind: "peer_message_refused", peerId: node, reason: error.message });
      return coordinatorLost;
    }
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

/**
 * Who may coordinate, best first: this node where it owns the key, healthy owners, then the first healthy stand-in
 * for the case that no owner can.
 */
function coordinators({ preferenceList }: Coordination, parts: CoordinatorParts): readonly NodeId[] {
  const owners = selfFirst(preferenceList.owners.filter(parts.isHealthy), parts.self);
  const standIn = preferenceList.fallbacks.find(parts.isHealthy);
  return standIn === undefined ? owners : [...owners, standIn];
}

/** Failures of the coordinating node itself, that left no trace: another node may do better. */
function isOwnTrouble(outcome: WriteOutcome | ReadOutcome): boolean {
  if (outcome.kind !== "failed" || outcome.maybeApplied) return false;
  return OWN_TROUBLE.includes(outcome.code);
}

const OWN_TROUBLE: readonly FailureCode[] = ["read_only", "storage_failed", "overloaded", "no_ring"];

/** The way back of a forwarded request's outcome. */
const RETURN_MS_MAX = 50;

const nobodyCoordinates = failure(
  "quorum_unreachable",
  "no node that may coordinate this key answered in time",
);

const coordinatorLost: Failure = {
  kind: "failed",
  code: "coordinator_lost",
  message: "the coordinating node was lost after it got the write; retry with the same request id",
  maybeApplied: true,
  context: new Uint8Array(0),
};

function writeOutcome(outcome: WriteOutcome | ReadOutcome): WriteOutcome {
  return outcome.kind === "read" ? coordinatorLost : outcome;
}

function readOutcome(outcome: WriteOutcome | ReadOutcome): ReadOutcome {
  return outcome.kind === "written"
    ? failure("coordinator_lost", "a peer answered a read as a write")
    : outcome;
}
