import { randomUUID } from "node:crypto";
import type {
  AdminMembers,
  AdminPartitions,
  AdminPreferenceList,
  AdminRepair,
  AdminRing,
  AdminStatus,
  FormRingRequest,
  FormRingResult,
  Readiness,
} from "../node/contract/admin-types.ts";
import type {
  PlanRingChangeRequest,
  RecoverRingRequest,
  RecoverRingResult,
  RingChangeProgress,
  RingChangeRequest,
  RingChangeResult,
  RingPlan,
} from "../node/contract/ring-change-types.ts";
import { REQUEST_ID_HEADER } from "../node/contract/http-headers.ts";
import { READINESS_PATH } from "../node/contract/pod-contract.ts";
import { DynamoError } from "./dynamo-error.ts";
import { parseEndpoint } from "./endpoint-pool.ts";
import { errorOfAnswer, errorOfFailure, isObject, parseJson } from "./http/error-answer.ts";
import { ExchangeFailed, HttpConnections, type Answer } from "./http/http-exchange.ts";
import { pathSegment } from "./http/key-path.ts";

/**
 * The admin port of one node. Its answers are that node's own view, so nothing is retried elsewhere: who asks node 2
 * wants to hear node 2. All calls reject with DynamoError.
 */
export interface AdminClientOptions {
  /** e.g. "http://127.0.0.1:9081" */
  readonly endpoint: string;
  /** See node/contract/admin-token.ts; needed to change anything. */
  readonly token?: string | undefined;
  readonly timeoutMs: number;
}

export class AdminClient {
  readonly endpoint: string;
  readonly #token: string | undefined;
  readonly #timeoutMs: number;
  readonly #connections = new HttpConnections(4);

  constructor(options: AdminClientOptions) {
    this.endpoint = parseEndpoint(options.endpoint);
    this.#token = options.token;
    this.#timeoutMs = options.timeoutMs;
  }

  async readiness(): Promise<Readiness> {
    return (await this.#json("GET", READINESS_PATH, { expected: [200, 503] })) as Readiness;
  }

  async status(): Promise<AdminStatus> {
    return (await this.#json("GET", "/admin/v1/status", {})) as AdminStatus;
  }

  async members(): Promise<AdminMembers> {
    return (await this.#json("GET", "/admin/v1/members", {})) as AdminMembers;
  }

  /** Rejects with code no_ring where the node is not in a ring yet. */
  async ring(): Promise<AdminRing> {
    return (await this.#json("GET", "/admin/v1/ring", {})) as AdminRing;
  }

  async preferenceList(bucket: string | Uint8Array, key: string | Uint8Array): Promise<AdminPreferenceList> {
    const path = `/admin/v1/preference-list/${pathSegment(bucket, "bucket")}/${pathSegment(key, "key")}`;
    return (await this.#json("GET", path, {})) as AdminPreferenceList;
  }

  async partitions(): Promise<AdminPartitions> {
    return (await this.#json("GET", "/admin/v1/partitions", {})) as AdminPartitions;
  }

  /**
   * Makes the node compare its copies with every co-owner's, which may take `timeoutMs`: less than the timeout that
   * this client was made with, or the answer comes too late. Rejects with code busy where it does so already.
   */
  async repair(timeoutMs: number): Promise<AdminRepair> {
    return (await this.#json("POST", `/admin/v1/anti-entropy?timeout_ms=${timeoutMs}`, {})) as AdminRepair;
  }

  /** Forming the same ring again is no error. */
  async formRing(request: FormRingRequest): Promise<FormRingResult> {
    return (await this.#json("POST", "/admin/v1/ring/form", { body: request })) as FormRingResult;
  }

  /** What a change would move; changes nothing. Rejects with the code of the refusal where the ring does not allow it. */
  async planRingChange(request: PlanRingChangeRequest): Promise<RingPlan> {
    return (await this.#json("POST", "/admin/v1/ring/plan", { body: request })) as RingPlan;
  }

  /** Resolves once the change has begun. Sending the same again is no second change; codes as in the contract. */
  async beginRingChange(request: RingChangeRequest): Promise<RingChangeResult> {
    return (await this.#json("POST", "/admin/v1/ring/changes", { body: request })) as RingChangeResult;
  }

  /** Resolves once the ring is back at the owners before. Rejects with code wrong_phase where the change has flipped. */
  async cancelRingChange(changeId: string): Promise<RingChangeResult> {
    const body = { changeId };
    return (await this.#json("POST", "/admin/v1/ring/changes/cancel", { body })) as RingChangeResult;
  }

  /** Undefined without a change. */
  async ringChangeProgress(): Promise<RingChangeProgress | undefined> {
    // 404: a node of an older release, whose ring never changes.
    const expected = [200, 404];
    const answer = (await this.#json("GET", "/admin/v1/ring/changes/current", { expected })) as
      RingChangeProgress | Record<string, never>;
    return "changeId" in answer ? (answer as RingChangeProgress) : undefined;
  }

  /** Only after most of those that decide are lost for good. */
  async recoverRing(request: RecoverRingRequest): Promise<RecoverRingResult> {
    return (await this.#json("POST", "/admin/v1/ring/recover", { body: request })) as RecoverRingResult;
  }

  /**
   * Tells an empty node to take over the id of a member whose volume was lost; its process ends and must be started
   * again. Rejects with code identity_refused where it is not empty or the id is in use.
   */
  async adoptIdentity(id: string): Promise<void> {
    await this.#json("POST", "/admin/v1/identity", { body: { id } });
  }

  close(): void {
    this.#connections.close();
  }

  async #json(
    method: "GET" | "POST",
    path: string,
    { body, expected = [200] }: { body?: unknown; expected?: readonly number[] },
  ): Promise<unknown> {
    const asked = { endpoint: this.endpoint, requestId: randomUUID(), writes: method === "POST" };
    const answer = await this.#send(method, path, { body, asked });
    const parsed = parseJson(answer.body);
    if (!expected.includes(answer.status)) throw errorOfAnswer(answer, asked);
    if (isObject(parsed)) return parsed;
    throw new DynamoError(`${this.endpoint} is not the admin port of a DynamoKV node: no JSON at ${path}`, {
      ...asked,
      code: "bad_answer",
      status: answer.status,
    });
  }

  async #send(
    method: "GET" | "POST",
    path: string,
    { body, asked }: { body: unknown; asked: { endpoint: string; requestId: string; writes: boolean } },
  ): Promise<Answer> {
    const headers = {
      [REQUEST_ID_HEADER]: asked.requestId,
      ...(this.#token === undefined || method === "GET" ? {} : { Authorization: `Bearer ${this.#token}` }),
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
    };
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    try {
      const { endpoint } = this;
      const timeoutMs = this.#timeoutMs;
      return await this.#connections.send({
        method,
        endpoint,
        path,
        headers,
        body: bytes,
        timeoutMs,
        signal: undefined,
      });
    } catch (failure) {
      throw failure instanceof ExchangeFailed ? errorOfFailure(failure, asked) : failure;
    }
  }
}
