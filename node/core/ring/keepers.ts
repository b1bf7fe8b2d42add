import type { NodeId } from "../node-id.ts";
import type { PlanningRing, RingState } from "./ring-state.ts";

/** What is needed of a ring to tell who keeps a partition while a change moves it. */
export type KeepersRing = RingState & Pick<PlanningRing, "routes">;

/** Owners before and after the change under way: whoever takes part in writes. The ring must have this partition. */
export function keepersOf(ring: KeepersRing, partition: number): readonly NodeId[] {
  return ring.routes(partition).write.owners;
}
