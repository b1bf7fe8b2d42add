import express, { type Express, type Request, type RequestHandler, type Response } from "express";
import type { AdminRing } from "../contract/admin-types.ts";
import type { RingChangeResult, RecoverRingResult } from "../contract/ring-change-types.ts";
import type { DecidedRing, SubmissionRefusalCode } from "../core/ring/change/ring-changes.ts";
import { methodNotAllowed, sendError } from "./express-conventions.ts";
import type { ChangeOutcome, PlanOutcome, RecoveryAttempt, RingAdmin } from "./ring-admin.ts";
import {
  parseCancellation,
  type Parsed,
  parsePlannedChange,
  parseRecovery,
  parseSubmittedChange,
} from "./ring-change-body.ts";

/** Plan, begin, cancel and progress of ring changes, and recovery; contract/ring-change-types.ts says what each answers. */
export interface RingChangeRoutes {
  readonly changes: RingAdmin;
  /** The ring that is served now; a 409 shows it. */
  readonly ring: () => AdminRing | undefined;
  /** Lets in who may change the cluster. */
  readonly authorize: RequestHandler;
}

const BODY_BYTES_MAX = 512 * 1024;

export function addRingChangeRoutes(app: Express, routes: RingChangeRoutes): void {
  const { changes, ring } = routes;
  addPost(app, "/admin/v1/ring/plan", routes, parsePlannedChange, async (change, response) =>
    sendPlan(await changes.plan(change), response, ring),
  );
  addPost(app, "/admin/v1/ring/changes", routes, parseSubmittedChange, async (change, response) =>
    sendChange(await changes.submit(change), { changeId: change.changeId, response, ring }),
  );
  addPost(app, "/admin/v1/ring/changes/cancel", routes, parseCancellation, async (changeId, response) =>
    sendChange(await changes.cancel(changeId), { changeId, response, ring }),
  );
  addPost(app, "/admin/v1/ring/recover", routes, parseRecovery, async (recovery, response) =>
    sendRecovery(await changes.recover(recovery), response, ring),
  );
  app.get("/admin/v1/ring/changes/current", (_request, response) => {
    response.json(changes.progress() ?? {});
  });
  app.all("/admin/v1/ring/changes/current", methodNotAllowed("GET", "HEAD"));
}

function addPost<T>(
  app: Express,
  path: string,
  { authorize }: RingChangeRoutes,
  parse: (body: unknown) => Parsed<T>,
  answer: (value: T, response: Response) => Promise<void>,
): void {
  const body = express.json({ limit: BODY_BYTES_MAX, strict: true, type: "application/json" });
  app.post(path, authorize, body, async (request: Request, response: Response) => {
    const parsed = parse(request.body);
    if (parsed.ok) await answer(parsed.value, response);
    else sendError(response, { status: 400, code: "invalid_request", message: parsed.message });
  });
  app.all(path, methodNotAllowed("POST"));
}

type ShownRing = RingChangeRoutes["ring"];

function sendPlan(outcome: PlanOutcome, response: Response, ring: ShownRing): void {
  if (outcome.kind === "planned") response.json(outcome.plan);
  else sendRefusal(outcome, response, ring);
}

function sendChange(
  outcome: ChangeOutcome,
  { changeId, response, ring }: { changeId: string; response: Response; ring: ShownRing },
): void {
  if (outcome.kind === "decided") {
    const result: RingChangeResult = { changeId, ...numberOf(outcome.decided) };
    response.json(result);
  } else if (outcome.kind === "undecided") {
    sendUndecided(outcome.message, response, outcome.mayFollow);
  } else {
    sendRefusal(outcome, response, ring);
  }
}

function sendRecovery(outcome: RecoveryAttempt, response: Response, ring: ShownRing): void {
  switch (outcome.kind) {
    case "recovered": {
      const result: RecoverRingResult = numberOf(outcome.decided);
      response.json(result);
      break;
    }
    case "undecided":
      sendUndecided(outcome.message, response, true);
      break;
    case "unreachable":
      sendError(response, {
        status: 503,
        code: "members_unreachable",
        message: outcome.message,
        maybeApplied: false,
      });
      break;
    case "refused":
    case "no_ring":
      sendRefusal(outcome, response, ring);
      break;
  }
}

type Refusal =
  | {
      readonly kind: "refused";
      readonly code: SubmissionRefusalCode | RecoveryRefusalCode;
      readonly message: string;
    }
  | { readonly kind: "no_ring" };
type RecoveryRefusalCode = Extract<RecoveryAttempt, { kind: "refused" }>["code"];

function sendRefusal(refusal: Refusal, response: Response, ring: ShownRing): void {
  if (refusal.kind === "no_ring") {
    const message =
      "this node is no member of a ring (it may have left): ask a member, which `dynamokv members` names, or form a first ring " +
      "with `dynamokv ring form`";
    sendError(response, { status: 503, code: "no_ring", message, maybeApplied: false });
    return;
  }
  const { code, message } = refusal;
  if (isWrongAnyhow(code)) sendError(response, { status: 400, code, message });
  else sendError(response, { status: 409, code, message, ring: ring() });
}

/** Requests that no ring could grant; all others depend on the ring as it is now. */
function isWrongAnyhow(code: Extract<Refusal, { kind: "refused" }>["code"]): boolean {
  return (
    code === "nothing_to_change" ||
    code === "wrong_type" ||
    code === "unequal_replacement" ||
    code === "named_twice" ||
    code === "invalid_document"
  );
}

function sendUndecided(message: string, response: Response, maybeApplied: boolean): void {
  sendError(response, { status: 503, code: "undecided", message, maybeApplied });
}

function numberOf({ generation, epoch, hash }: DecidedRing): RecoverRingResult {
  return { generation, epoch, hash };
}
