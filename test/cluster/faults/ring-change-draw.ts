import type { AdminRing } from "../../../node/contract/admin-types.ts";
import type { RingChangeType } from "../../../node/contract/ring-change-types.ts";

/** Which change of the ring is asked for next: of one node or two, and never one that leaves fewer than MEMBERS_MIN members. */
export interface DrawnChange {
  readonly type: RingChangeType;
  readonly joining: readonly string[];
  readonly leaving: readonly string[];
}

/** One more than copies: with one member dead a write still finds as many nodes as it needs. */
export const MEMBERS_MIN = 4;
const TWO_AT_A_TIME = 0.3;

/**
 * Undefined where nothing can be asked for.
 * @param ids of all nodes
 * @param luck draws a number in [0, 1)
 */
export function drawChange(
  { members }: Pick<AdminRing, "members">,
  ids: readonly string[],
  luck: () => number,
): DrawnChange | undefined {
  const inside = shuffled(
    members.map(({ id }) => id),
    luck,
  );
  const outside = shuffled(
    ids.filter((id) => !inside.includes(id)),
    luck,
  );
  const surplus = inside.length - MEMBERS_MIN;
  const count = luck() < TWO_AT_A_TIME ? 2 : 1;
  const possible: DrawnChange[] = [];
  if (outside.length > 0) {
    const joining = outside.slice(0, count);
    possible.push({ type: "join", joining, leaving: [] });
    possible.push({ type: "replace", joining, leaving: inside.slice(0, joining.length) });
  }
  if (surplus > 0)
    possible.push({ type: "leave", joining: [], leaving: inside.slice(0, Math.min(count, surplus)) });
  return possible[Math.floor(luck() * possible.length)];
}

function shuffled(items: readonly string[], luck: () => number): string[] {
  return items
    .map((item) => ({ item, at: luck() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
