import type { SubmittedChange, SubmittedRecovery } from "../core/ring/change/ring-changes.ts";
import { parseNodeIds } from "./node-id-list.ts";

/**
 * Checks the bodies of the requests that change the ring, or would. An unknown field is refused: whoever misspells
 * `leaving` must not be told what joining alone would do. Whether the ring allows it is not asked here.
 */
export type Parsed<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly message: string };

export type PlannedChange = Pick<SubmittedChange, "type" | "joining" | "leaving">;

const CHANGED_NODES_MAX = 500;
const SURVIVORS_MAX = 10_000;
const CHANGE_ID = /^[A-Za-z0-9._-]{1,128}$/;

export function parsePlannedChange(body: unknown): Parsed<PlannedChange> {
  const fields = fieldsOf(body, ["type", "joining", "leaving"]);
  return fields.ok ? plannedChangeOf(fields.value) : fields;
}

export function parseSubmittedChange(body: unknown): Parsed<SubmittedChange> {
  const fields = fieldsOf(body, ["changeId", "epoch", "type", "joining", "leaving"]);
  if (!fields.ok) return fields;
  const { changeId, epoch } = fields.value;
  if (!isChangeId(changeId)) return bad(BAD_CHANGE_ID);
  if (!isCount(epoch) || epoch < 1)
    return bad("epoch is not that of a ring: take it from GET /admin/v1/ring");
  const planned = plannedChangeOf(fields.value);
  return planned.ok ? { ok: true, value: { changeId, epoch, ...planned.value } } : planned;
}

export function parseCancellation(body: unknown): Parsed<string> {
  const fields = fieldsOf(body, ["changeId"]);
  if (!fields.ok) return fields;
  const { changeId } = fields.value;
  return isChangeId(changeId) ? { ok: true, value: changeId } : bad(BAD_CHANGE_ID);
}

export function parseRecovery(body: unknown): Parsed<SubmittedRecovery> {
  const fields = fieldsOf(body, ["survivors", "generation", "epoch"]);
  if (!fields.ok) return fields;
  const { generation, epoch } = fields.value;
  const survivors = parseNodeIds(fields.value["survivors"], SURVIVORS_MAX);
  if (survivors === undefined || survivors.length === 0)
    return bad(`survivors is not a list of 1 to ${SURVIVORS_MAX} different node ids (UUIDs)`);
  if (!isCount(generation) || !isCount(epoch) || epoch < 1)
    return bad("generation and epoch are not those of a ring: take them from GET /admin/v1/ring");
  return { ok: true, value: { survivors, generation, epoch } };
}

function plannedChangeOf(fields: Readonly<Record<string, unknown>>): Parsed<PlannedChange> {
  const { type, joining = [], leaving = [] } = fields;
  if (type !== "join" && type !== "leave" && type !== "replace")
    return bad("type is none of join, leave and replace");
  const ids = {
    joining: parseNodeIds(joining, CHANGED_NODES_MAX),
    leaving: parseNodeIds(leaving, CHANGED_NODES_MAX),
  };
  if (ids.joining === undefined) return bad(`joining ${NO_ID_LIST}`);
  if (ids.leaving === undefined) return bad(`leaving ${NO_ID_LIST}`);
  return { ok: true, value: { type, joining: ids.joining, leaving: ids.leaving } };
}

const NO_ID_LIST = `is not a list of at most ${CHANGED_NODES_MAX} different node ids (UUIDs)`;
const BAD_CHANGE_ID = "changeId is not 1 to 128 letters, digits, '.', '_' or '-'";

function isChangeId(value: unknown): value is string {
  return typeof value === "string" && CHANGE_ID.test(value);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function fieldsOf(body: unknown, known: readonly string[]): Parsed<Readonly<Record<string, unknown>>> {
  if (typeof body !== "object" || body === null || Array.isArray(body))
    return bad("the body is not a JSON object");
  const unknown = Object.keys(body).find((name) => !known.includes(name));
  if (unknown !== undefined) return bad(`unknown field ${JSON.stringify(unknown.slice(0, 40))}`);
  return { ok: true, value: body as Readonly<Record<string, unknown>> };
}

function bad(message: string): { readonly ok: false; readonly message: string } {
  return { ok: false, message };
}
