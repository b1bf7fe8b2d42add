import type { Server } from "node:http";
import type { Socket } from "node:net";
import express, { type Express, type Request, type Response } from "express";
import type { AdminRing } from "../contract/admin-types.ts";
import { LIVENESS_PATH, METRICS_PATH, READINESS_PATH } from "../contract/pod-contract.ts";
import type { KeyOfBucket } from "../core/coordinator/requests.ts";
import { requireToken } from "./admin-auth.ts";
import { BadRequest } from "./bad-request.ts";
import { createServer } from "./client-server.ts";
import { answerConnectionErrors } from "./connection-errors.ts";
import { addFallbacks, createApp, methodNotAllowed, sendError } from "./express-conventions.ts";
import type { HttpLimits } from "./http-limits.ts";
import type { HttpObserver } from "./http-observer.ts";
import { parseBucketAndKey } from "./kv-target.ts";
import { closeGracefully, type HostPort, listen, trackConnections } from "./listener.ts";
import type {
  FormRingOutcome,
  NodeAdmin,
  PartitionsOutcome,
  RepairOutcome,
  ReplicaOutcome,
} from "./node-admin.ts";
import { parseAdoption } from "./identity-adoption.ts";
import type { RingAdmin } from "./ring-admin.ts";
import { addRingChangeRoutes } from "./ring-change-routes.ts";
import { parseRingFormation } from "./ring-formation-body.ts";

/**
 * Health, metrics and the admin API, on a port that clients need not reach. Reading is open to whoever reaches the
 * port; changing anything needs the token made from the cluster secret. Live means "the process answers"; ready
 * means "send it clients".
 */
export interface AdminServerOptions {
  readonly admin: NodeAdmin;
  readonly ringChanges: RingAdmin;
  /** The tokens that count now; see contract/admin-token.ts. */
  readonly tokens: () => readonly string[];
  readonly metrics: () => Promise<{ contentType: string; text: string }>;
  readonly limits: HttpLimits;
  readonly observer: HttpObserver;
}

export class AdminServer {
  readonly #server: Server;
  readonly #connections: ReadonlySet<Socket>;

  constructor(options: AdminServerOptions) {
    this.#server = createServer(options.limits);
    this.#connections = trackConnections(this.#server);
    this.#server.on("request", adminApp(options));
    answerConnectionErrors(this.#server, options.observer);
  }

  async start(address: HostPort): Promise<HostPort> {
    return listen(this.#server, address);
  }

  async stop(graceMs: number): Promise<void> {
    await closeGracefully(this.#server, this.#connections, graceMs);
  }
}

const FORM_BODY_BYTES_MAX = 64 * 1024;

function adminApp({ admin, ringChanges, tokens, metrics, observer }: AdminServerOptions): Express {
  const app = createApp();
  addHealth(app, admin, metrics);
  addDocuments(app, admin);
  app.use(
    "/admin/v1/preference-list",
    readsKey((key, response) => sendPreferenceList(admin, key, response)),
  );
  app.use(
    "/admin/v1/replica",
    readsKey(async (key, response) => sendReplica(await admin.replica(key), response)),
  );
  app.post("/admin/v1/anti-entropy", requireToken(tokens), async (request: Request, response: Response) => {
    const timeoutMs = parseTimeoutMs(request.url);
    // A client that has gone leaves its response closed.
    const isWanted = (): boolean => !response.closed;
    if (timeoutMs !== undefined) sendRepair(await admin.repair(timeoutMs, isWanted), response);
    else sendError(response, { status: 400, code: "invalid_query", message: BAD_TIMEOUT });
  });
  app.all("/admin/v1/anti-entropy", methodNotAllowed("POST"));
  app.post(
    "/admin/v1/ring/form",
    requireToken(tokens),
    express.json({ limit: FORM_BODY_BYTES_MAX, strict: true, type: "application/json" }),
    async (request: Request, response: Response) => {
      const parsed = parseRingFormation(request.body);
      if (parsed.ok) sendFormed(await admin.formRing(parsed.formation), response);
      else sendError(response, { status: 400, code: "invalid_request", message: parsed.message });
    },
  );
  app.all("/admin/v1/ring/form", methodNotAllowed("POST"));
  addIdentity(app, admin, tokens);
  const ring = (): AdminRing | undefined => admin.ring();
  addRingChangeRoutes(app, { changes: ringChanges, ring, authorize: requireToken(tokens) });
  addFallbacks(app, (error, requestId) => observer.handlerFailed(error, requestId));
  return app;
}

function addIdentity(app: Express, admin: NodeAdmin, tokens: AdminServerOptions["tokens"]): void {
  app.post(
    "/admin/v1/identity",
    requireToken(tokens),
    express.json({ limit: IDENTITY_BODY_BYTES_MAX, strict: true, type: "application/json" }),
    (request: Request, response: Response) => {
      const parsed = parseAdoption(request.body);
      if ("problem" in parsed) {
        sendError(response, { status: 400, code: "invalid_request", message: parsed.problem });
        return;
      }
      const outcome = admin.adoptIdentity(parsed.id);
      if (outcome.kind === "adopted") response.json({ id: outcome.id });
      else sendError(response, { status: 409, code: "identity_refused", message: outcome.message });
    },
  );
  app.all("/admin/v1/identity", methodNotAllowed("POST"));
}

const IDENTITY_BODY_BYTES_MAX = 1_024;

function addHealth(app: Express, admin: NodeAdmin, metrics: AdminServerOptions["metrics"]): void {
  app.get(LIVENESS_PATH, (_request, response) => {
    response.json({ live: true });
  });
  app.get(READINESS_PATH, (_request, response) => {
    const readiness = admin.ready();
    response.status(readiness.ready ? 200 : 503).json(readiness);
  });
  app.get(METRICS_PATH, async (_request, response) => {
    const { contentType, text } = await metrics();
    response.set("Content-Type", contentType).end(text);
  });
  for (const path of [LIVENESS_PATH, READINESS_PATH, METRICS_PATH])
    app.all(path, methodNotAllowed("GET", "HEAD"));
}

function addDocuments(app: Express, admin: NodeAdmin): void {
  app.get("/admin/v1/status", (_request, response) => {
    response.json(admin.status());
  });
  app.get("/admin/v1/members", (_request, response) => {
    response.json(admin.members());
  });
  app.get("/admin/v1/ring", (_request, response) => {
    const ring = admin.ring();
    if (ring !== undefined) response.json(ring);
    else sendError(response, { status: 404, code: "no_ring", message: NO_RING });
  });
  app.get("/admin/v1/partitions", async (_request, response) => {
    sendPartitions(await admin.partitions(), response);
  });
  for (const name of ["status", "members", "ring", "partitions"])
    app.all(`/admin/v1/${name}`, methodNotAllowed("GET", "HEAD"));
}

const NO_RING =
  "this node is not in a ring yet; form one with POST /admin/v1/ring/form or `dynamokv ring form`";

/** Bucket and key are bytes: they are taken from the target as it came, not from Express's decoded parameters. */
function readsKey(handle: (key: KeyOfBucket, response: Response) => void | Promise<void>) {
  return async (request: Request, response: Response): Promise<void> => {
    if (request.method !== "GET" && request.method !== "HEAD") {
      methodNotAllowed("GET", "HEAD")(request, response);
      return;
    }
    const key = parseBucketAndKey(request.url.slice(1));
    if (key instanceof BadRequest) sendError(response, key);
    else await handle(key, response);
  };
}

function sendPreferenceList(admin: NodeAdmin, key: KeyOfBucket, response: Response): void {
  const list = admin.preferenceList(key);
  if (list !== undefined) response.json(list);
  else sendError(response, { status: 503, code: "no_ring", message: NO_RING });
}

function sendReplica(outcome: ReplicaOutcome, response: Response): void {
  switch (outcome.kind) {
    case "found":
      response.json(outcome.replica);
      break;
    case "none":
      sendError(response, { status: 404, code: "no_replica", message: "this node has no copy of this key" });
      break;
    case "failed":
      sendError(response, { status: 503, code: "storage_failed", message: outcome.message });
      break;
  }
}

const REPAIR_TIMEOUT_MS = 60_000;
const REPAIR_TIMEOUT_MS_MAX = 3_600_000;
const BAD_TIMEOUT = `the only query is timeout_ms, a whole number from 1 to ${REPAIR_TIMEOUT_MS_MAX}`;

/** Undefined where the query is another one. */
function parseTimeoutMs(url: string): number | undefined {
  const mark = url.indexOf("?");
  if (mark === -1) return REPAIR_TIMEOUT_MS;
  const timeoutMs = Number(/^timeout_ms=(\d{1,7})$/.exec(url.slice(mark + 1))?.[1] ?? 0);
  return timeoutMs >= 1 && timeoutMs <= REPAIR_TIMEOUT_MS_MAX ? timeoutMs : undefined;
}

function sendPartitions(outcome: PartitionsOutcome, response: Response): void {
  switch (outcome.kind) {
    case "found":
      response.json(outcome.partitions);
      break;
    case "no_ring":
      sendError(response, { status: 503, code: "no_ring", message: NO_RING });
      break;
    case "failed":
      sendError(response, { status: 503, code: "storage_failed", message: outcome.message });
      break;
  }
}

function sendRepair(outcome: RepairOutcome, response: Response): void {
  switch (outcome.kind) {
    case "compared":
      response.json(outcome.repair);
      break;
    case "no_ring":
      sendError(response, { status: 503, code: "no_ring", message: NO_RING });
      break;
    case "busy": {
      const message = "this node is comparing its copies already; ask again when it is done";
      sendError(response, { status: 409, code: "busy", message });
      break;
    }
  }
}

function sendFormed(outcome: FormRingOutcome, response: Response): void {
  switch (outcome.kind) {
    case "formed": {
      const { clusterId, epoch, hash } = outcome;
      response.json({ clusterId, epoch, hash });
      break;
    }
    case "ring_exists":
      sendError(response, { status: 409, code: "ring_exists", message: outcome.message });
      break;
    case "members_unreachable":
      sendError(response, { status: 503, code: "members_unreachable", message: outcome.message });
      break;
    case "invalid":
      sendError(response, { status: 400, code: "invalid_request", message: outcome.message });
      break;
  }
}
