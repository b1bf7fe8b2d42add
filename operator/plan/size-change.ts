import { roomLacks, roomLackText } from "../../client/ring/plan-room.ts";
import type { AdminRing } from "../../node/contract/admin-types.ts";
import type { StandingNode } from "../observe/node-standing.ts";
import { whyUnwell } from "../observe/node-view.ts";
import type { LeavePreview } from "../observe/observed-state.ts";
import type { SizeChange } from "./step.ts";

/** The change of the ring that the size asks for, and what stands against beginning it. */

/** Changes with another name are somebody else's: they are waited for, never cancelled. */
export const OPERATOR_CHANGE = "operator-";

export interface Placed extends StandingNode {
  /** Whether the size asks for a pod of this ordinal. */
  readonly isWanted: boolean;
}

/**
 * Those that are wanted join first, all in one change, then those that are not wanted leave in another. Undefined where the ring
 * is of the size that is asked for, or nobody of it can be asked.
 */
export function sizeChange(placed: readonly Placed[], ring: AdminRing): SizeChange | undefined {
  const joining = placed.filter(({ standing, isWanted }) => standing === "spare" && isWanted);
  const leaving = placed.filter(({ standing, isWanted }) => standing === "member" && !isWanted);
  const type = joining.length > 0 ? "join" : "leave";
  const changing = type === "join" ? joining : leaving;
  const via = placed.find(
    ({ node, standing, isWanted }) =>
      standing === "member" && isWanted && node.report?.ring?.hash === ring.hash && node.isReady,
  );
  if (changing.length === 0 || via === undefined) return undefined;
  const ids = changing.map(({ id }) => id!);
  return {
    type,
    via: via.node.pod,
    generation: ring.generation,
    epoch: ring.epoch,
    joining: type === "join" ? ids : [],
    leaving: type === "leave" ? ids : [],
    pods: changing.map(({ node }) => node.pod),
  };
}

/** Sent again for the same ring it is the same change, whichever operator sends it. */
export function changeIdOf({ type, generation, epoch }: SizeChange): string {
  return `${OPERATOR_CHANGE}${type}-${generation}.${epoch}`;
}

/** Why no change may begin now, as a sentence; undefined where nothing speaks against it. */
export function healthObstacle(placed: readonly Placed[], ring: AdminRing): string | undefined {
  for (const { node, standing, isWanted } of placed) {
    if (standing === "unknown" && isWanted)
      return `all new nodes join together; ${node.pod}: ${whyUnwell(node)}`;
    if (standing !== "member") continue;
    const state = node.report?.status.state;
    if (state !== "serving") return `every member has to serve first; ${node.pod}: ${whyUnwell(node)}`;
    if (node.report!.ring!.hash !== ring.hash) return `${node.pod} has yet to take over epoch ${ring.epoch}`;
  }
  const members = placed.filter(({ standing }) => standing === "member").length;
  if (members < ring.members.length)
    return `every member has to serve first; of ${ring.members.length} only ${members} have a pod`;
  return undefined;
}

/** Why those that stay have no room for what the others leave them; undefined where they have. */
export function roomObstacle(placed: readonly Placed[], preview: LeavePreview): string | undefined {
  if (preview.kind === "refused") return preview.message;
  const free = placed.flatMap(({ node, id }) => {
    const bytes = node.report?.status.storage.volumeFreeBytes;
    return id === undefined || bytes === undefined ? [] : [[id, bytes] as const];
  });
  const [lack] = roomLacks(preview.plan, new Map(free));
  if (lack !== undefined) {
    const { node } = placed.find(({ id }) => id === lack.id)!;
    return `${roomLackText(lack, node.pod)}: raise storage.size, or keep more nodes`;
  }
  if (preview.plan.bytesMoved === null)
    return "the node that was asked could not say how much there is to move: is its disk in trouble?";
  return undefined;
}
