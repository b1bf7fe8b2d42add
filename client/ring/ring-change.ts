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
import { askProposer } from "../ask-admins.ts";
import { compareRings, latestRing } from "./latest-ring.ts";

/**
 * A ring change from outside: begun as it was planned, then watched to its end. It goes on without whoever asked for it, so
 * a watcher that gives up, or is ended, stops nothing.
 */

export function drawChangeId(type: RingChangeRequest["type"]): string {
  return `${type}-${randomBytes(6).toString("hex")}`;
}

const DECIDE_MS_MAX = 60_000;
const AGAIN_MS = 500;

/**
 * Begins the change as planned, on exactly the ring that it was planned on. Where no answer came, or none was decided, it is sent
 * again under the same id, for a minute. Rejects with DynamoError.
 */
export function beginPlanned(
  admins: readonly AdminClient[],
  plan: RingPlan,
  changeId: string,
): Promise<RingChangeResult> {
  const { type, epoch, joining, leaving } = plan;
  const request: RingChangeRequest = { changeId, type, epoch, joining, leaving };
  return decided(admins, {
    ask: (admin) => admin.beginRingChange(request),
    isPast: ({ code }) => code === "epoch_passed",
    isOpenIn: () => false,
    isMadeIn: (ring) => isMade(ring, request),
    changeId,
    on: plan,
  });
}

/** Takes the change back, in the same way. Resolves only where it is, and has not ended instead. */
export async function cancelChange(
  admins: readonly AdminClient[],
  changeId: string,
): Promise<RingChangeResult> {
  const { ring, admin: first } = await latestRing(admins);
  const inState = (state: AdminRing["members"][number]["state"]): string[] =>
    ring.members.filter((member) => member.state === state).map(({ id }) => id);
  const back = { changeId, joining: inState("leaving"), leaving: inState("joining") };
  const wasUnderWay = ring.change?.changeId === changeId;
  // Whoever is behind knows of no change.
  return decided([first, ...admins.filter((admin) => admin !== first)], {
    ask: (admin) => admin.cancelRingChange(changeId),
    isPast: ({ code }) => code === "no_change",
    isOpenIn: (now) => now.change?.changeId === changeId,
    isMadeIn: (now) => wasUnderWay && now.change === null && isMade(now, back),
    changeId,
    on: ring,
  });
}

interface Decision {
  readonly ask: (admin: AdminClient) => Promise<RingChangeResult>;
  /** Whether it is refused because the ring has gone on. */
  readonly isPast: (error: DynamoError) => boolean;
  /** Whether it can still be had in this ring. */
  readonly isOpenIn: (ring: AdminRing) => boolean;
  /** Whether this later ring shows it, where nothing else explains that. */
  readonly isMadeIn: (ring: AdminRing) => boolean;
  readonly changeId: string;
  /** The ring that it is asked for on. */
  readonly on: Pick<AdminRing, "generation" | "epoch">;
}

/** One that was asked before may have had it decided, and its answer was lost while the ring went on. */
async function decided(
  admins: readonly AdminClient[],
  { ask, isPast, isOpenIn, isMadeIn, changeId, on }: Decision,
): Promise<RingChangeResult> {
  const deadlineMs = performance.now() + DECIDE_MS_MAX;
  let mayBeMade = false;
  const noting = async (admin: AdminClient): Promise<RingChangeResult> => {
    try {
      return await ask(admin);
    } catch (error) {
      mayBeMade ||= error instanceof DynamoError && error.retriable;
      throw error;
    }
  };
  for (;;) {
    try {
      return await askProposer(admins, noting);
    } catch (error) {
      if (!(error instanceof DynamoError)) throw error;
      let isBehind = false;
      if (mayBeMade && isPast(error)) {
        const { ring } = await latestRing(admins);
        const { generation, epoch, hash } = ring;
        if (compareRings(ring, on) > 0 && isMadeIn(ring)) return { changeId, generation, epoch, hash };
        // Whoever answers has yet to hear of the ring that this is about.
        isBehind = compareRings(ring, on) < 0 || isOpenIn(ring);
      }
      if (!(error.retriable || isBehind) || performance.now() >= deadlineMs) throw error;
      await delay(AGAIN_MS);
    }
  }
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
      const { ring, admin } = await latestRing(admins);
      if (ring.epoch >= epoch && ring.change?.changeId !== changeId)
        return { kind: isMade(ring, options) ? "done" : "cancelled", ring };
      const progress = await admin.ringChangeProgress();
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
