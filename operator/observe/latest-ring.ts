import type { AdminRing } from "../../node/contract/admin-types.ts";
import type { NodeView } from "./node-view.ts";

/** The latest ring that a node serves; undefined where none has one. */
export function latestRing(nodes: readonly NodeView[]): AdminRing | undefined {
  let latest: AdminRing | undefined;
  for (const { report } of nodes) {
    const ring = report?.ring;
    if (ring === undefined) continue;
    const isLater =
      latest === undefined ||
      ring.generation > latest.generation ||
      (ring.generation === latest.generation && ring.epoch > latest.epoch);
    if (isLater) latest = ring;
  }
  return latest;
}
