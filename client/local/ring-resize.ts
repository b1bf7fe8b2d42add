import type { AdminRing } from "../../node/contract/admin-types.ts";
import type { RingChangeProgress } from "../../node/contract/ring-change-types.ts";
import type { AdminClient } from "../admin-client.ts";
import { DynamoError } from "../dynamo-error.ts";
import { askMember } from "../ask-admins.ts";
import { latestRing } from "../ring/latest-ring.ts";
import { beginPlanned, drawChangeId } from "../ring/ring-change.ts";
import { type BoundedWait, NotYet } from "./bounded-wait.ts";

/**
 * Brings the ring to the size that is wanted: nodes that are no members join in one change, those beyond the size leave in
 * another. It goes by what the ring is at each look, so one that was interrupted is completed by the next.
 */
export interface RingResize {
  /** One a node, in the order of the nodes. */
  readonly admins: readonly AdminClient[];
  /** Their ids. */
  readonly ids: readonly string[];
  readonly size: number;
  readonly wait: BoundedWait;
  readonly progress: (line: string) => void;
}

export async function joinMissing(resize: RingResize): Promise<void> {
  const { admins, ids, size, wait } = resize;
  const told = new ToldProgress(resize);
  await wait.until("for the new nodes to join", async () => {
    const ring = await settledRing(resize, told);
    const missing = ids.slice(0, size).filter((id) => !isMember(ring, id));
    if (missing.length === 0) return;
    const asked = { type: "join", joining: missing } as const;
    await begin(admins, asked);
    resize.progress(`${missing.length} new nodes join the ring`);
    throw new NotYet("the data moves");
  });
}

/** Resolves when the surplus nodes are no members and keep nothing that others lack. */
export async function leaveSurplus(resize: RingResize): Promise<void> {
  const { admins, ids, size, wait } = resize;
  if (ids.length <= size) return;
  const told = new ToldProgress(resize);
  await wait.until("for the surplus nodes to leave", async () => {
    const ring = await settledRing(resize, told);
    const surplus = ids.slice(size).filter((id) => isMember(ring, id));
    if (surplus.length === 0) return;
    await begin(admins, { type: "leave", leaving: surplus });
    resize.progress(`${surplus.length} nodes leave the ring`);
    throw new NotYet("the data moves");
  });
  let least = Infinity;
  await wait.until("for what the surplus nodes keep to be handed over", async () => {
    const kept = await Promise.all(admins.slice(size).map(keptAt));
    const all = kept.reduce((sum, each) => sum + each, 0);
    const { departed = [] } = (await latestRing(admins.slice(0, size))).ring;
    const listed = ids.slice(size).filter((id) => departed.includes(id));
    if (all + listed.length === 0) return;
    if (all < least) wait.cameNearer();
    least = Math.min(least, all);
    throw new NotYet(
      all > 0
        ? `${all} keys and hints to go`
        : `the members have yet to hear of it from ${listed.join(", ")}`,
    );
  });
}

async function settledRing({ admins }: RingResize, told: ToldProgress): Promise<AdminRing> {
  const { ring, admin } = await latestRing(admins);
  if (ring.change === null) return ring;
  const progress = await admin.ringChangeProgress();
  if (progress !== undefined) told.tell(progress);
  throw new NotYet(progress?.waitsFor || `change ${ring.change.changeId} is under way`);
}

/** What a moment's wait may mend: nodes that have not met yet, or a ring that has just changed. */
const TRANSIENT = ["feature_level", "not_joinable", "epoch_passed", "overtaken", "change_under_way"];

async function begin(
  admins: readonly AdminClient[],
  request: Parameters<AdminClient["planRingChange"]>[0],
): Promise<void> {
  try {
    const plan = await askMember(admins, (admin) => admin.planRingChange(request));
    await beginPlanned(admins, plan, drawChangeId(request.type));
  } catch (error) {
    if (error instanceof DynamoError && TRANSIENT.includes(error.code)) throw new NotYet(error.message);
    throw error;
  }
}

/** Keys and hints that a node which has left has yet to hand over. */
async function keptAt(admin: AdminClient): Promise<number> {
  const status = await admin.status();
  // It never joined: it has no partitions to tell of.
  if (status.ring.epoch === 0) return status.storage.keys;
  const { partitions } = await admin.partitions();
  const hints = Object.values(status.hints.pending).reduce((sum, count) => sum + count, 0);
  return partitions.reduce((sum, { keys }) => sum + keys, hints);
}

function isMember({ members }: AdminRing, id: string): boolean {
  return members.some((member) => member.id === id);
}

/** Tells each tenth of a change once, and lets the wait go on for as long as copies are completed. */
class ToldProgress {
  readonly #resize: RingResize;
  #moved = -1;
  #told = "";

  constructor(resize: RingResize) {
    this.#resize = resize;
  }

  tell({ phase, moved, total }: RingChangeProgress): void {
    const { wait, progress } = this.#resize;
    if (moved !== this.#moved) wait.cameNearer();
    this.#moved = moved;
    const tenth = total === 0 ? 10 : Math.floor((moved / total) * 10);
    const text =
      phase === "transfer" ? `copies moved: ${tenth * 10} %` : "all copies moved: the new owners take over";
    if (text !== this.#told) progress(text);
    this.#told = text;
  }
}
