import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { AdminRing } from "../../node/contract/admin-types.ts";
import type {
  RingChangeProgress,
  RingChangeRequest,
  RingChangeResult,
  RingPlan,
} from "../../node/contract/ring-change-types.ts";
import type { AdminClient } from "../admin-client.ts";
import { DynamoError } from "../dynamo-error.ts";
import { askMember } from "../ask-admins.ts";

/**
 * A ring change from outside: begun as it was planned, then watched to its end. It goes on without whoever asked for it, so
 * a watcher that gives up, or is ended, stops nothing.
 */

export function drawChangeId(type: RingChangeRequest["type"]): string {
  return `${type}-${randomBytes(6).toString("hex")}`;
}

const BEGIN_MS_MAX = 60_000;
const BEGIN_AGAIN_MS = 500;

/**
 * Begins the change as planned, on exactly the ring that it was planned on. Where no answer came, or none was decided, it is sent
 * again under the same id, for a minute. Rejects with DynamoError.
 */
export async function beginPlanned(
  admins: readonly AdminClient[],
  { type, epoch, joining, leaving }: RingPlan,
  changeId: string,
): Promise<RingChangeResult> {
  const request: RingChangeRequest = { changeId, type, epoch, joining, leaving };
  const deadlineMs = performance.now() + BEGIN_MS_MAX;
  for (let attempt = 1; ; attempt++) {
    try {
      return await askMember(admins, (admin) => admin.beginRingChange(request));
    } catch (error) {
      if (!(error instanceof DynamoError)) throw error;
      // The first attempt may have begun it, and its answer was lost while the change went on, or even ended.
      const isOurs =
        attempt > 1 && error.code === "epoch_passed" ? await begunAs(admins, request) : undefined;
      if (isOurs !== undefined) return isOurs;
      if (!error.retriable || performance.now() >= deadlineMs) throw error;
      await delay(BEGIN_AGAIN_MS);
    }
  }
}

/** The ring that shows that this change was made, where nothing else explains it. */
async function begunAs(
  admins: readonly AdminClient[],
  request: RingChangeRequest,
): Promise<RingChangeResult | undefined> {
  const ring = await askMember(admins, (admin) => admin.ring());
  const { generation, epoch, hash } = ring;
  return isMade(ring, request) ? { changeId: request.changeId, generation, epoch, hash } : undefined;
}

export type ChangeEnd =
  | { readonly kind: "done"; readonly ring: AdminRing }
  /** Somebody cancelled it, or recovered the ring. */
  | { readonly kind: "cancelled"; readonly ring: AdminRing };

export interface WatchOptions {
  readonly changeId: string;
  readonly joining: readonly string[];
  readonly leaving: readonly string[];
  /** Epoch of its begin: a node that is behind does not know of the change yet. */
  readonly epoch: number;
  readonly onProgress: (progress: RingChangeProgress) => void;
  /** Called while no node answers, with why. */
  readonly onTrouble: (message: string) => void;
}

const LOOK_MS = 500;

/** Resolves when the change is over. Waits for as long as that takes: how much there is to move, nobody knows better. */
export async function watchChange(admins: readonly AdminClient[], options: WatchOptions): Promise<ChangeEnd> {
  const { changeId, epoch, onProgress, onTrouble } = options;
  for (;;) {
    try {
      const ring = await askMember(admins, (admin) => admin.ring());
      if (ring.epoch >= epoch && ring.change?.changeId !== changeId)
        return { kind: isMade(ring, options) ? "done" : "cancelled", ring };
      const progress = await askMember(admins, (admin) => admin.ringChangeProgress());
      if (progress?.changeId === changeId) onProgress(progress);
    } catch (error) {
      if (!(error instanceof DynamoError && error.retriable)) throw error;
      onTrouble(error.message);
    }
    await delay(LOOK_MS);
  }
}

/** Whether the ring is as the change leaves it, or on its way there. */
function isMade(
  { members, change }: AdminRing,
  { changeId, joining = [], leaving = [] }: Pick<RingChangeRequest, "changeId" | "joining" | "leaving">,
): boolean {
  if (change?.changeId === changeId) return true;
  const ids = new Set(members.map(({ id }) => id));
  return joining.every((id) => ids.has(id)) && !leaving.some((id) => ids.has(id));
}
