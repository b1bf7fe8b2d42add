import type { NodeId } from "../node-id.ts";
import type { Timers } from "../ports/timers.ts";
import type { Step } from "./change/change-steps.ts";
import { isAdmitted, votersOf } from "./change/elastic-ring.ts";
import { compareRings, type RingNumber } from "./ring-number.ts";
import type { RingState } from "./ring-state.ts";
import type { Ring } from "./ring.ts";

/**
 * Steps that nobody asks for: the raise to format 2, once every member can read it, and the admission of members whose ring
 * store is new (decision 15). The lowest healthy member that may propose does it; the others, one after the other, where it does not come
 * to it: in a ring of format 1 nobody knows of another whether it may. Two that propose the same do no harm.
 */
export interface ReportedNode {
  readonly zone: string;
  readonly features?: readonly string[] | undefined;
  /** ring.ts `AdmittedMember`. */
  readonly ringStore?: string | undefined;
  /** The ring that is on its disk and that it serves. */
  readonly ring?: RingNumber | undefined;
  /** Whether this node believes that it answers. */
  readonly isHealthy: boolean;
}

export type Reports = (id: NodeId) => ReportedNode | undefined;

/** The step that is due. Only words of nodes that serve this very ring count: what one said before it may be of an earlier life. */
export function upkeepDue(ring: Ring, reported: Reports): Step | undefined {
  const stores = new Map<NodeId, string>();
  for (const { id } of ring.members) {
    const { isHealthy, ring: theirs, features = [], ringStore } = reported(id) ?? { isHealthy: false };
    const isUpToDate = isHealthy && theirs !== undefined && compareRings(theirs, ring) === 0;
    if (isUpToDate && ringStore !== undefined && features.includes(ELASTIC)) stores.set(id, ringStore);
  }
  if (ring.format === 1)
    return stores.size === ring.members.length ? { kind: "raise", ringStores: stores } : undefined;
  const changed = ring.members.find(({ id, ringStore }) => (stores.get(id) ?? ringStore) !== ringStore);
  return changed && { kind: "admit", node: changed.id, ringStore: stores.get(changed.id)! };
}

/** Whether a member says that its ring store is not the one listed. Who has a later ring may be admitted by that. */
export function isStoreLost(
  ring: Ring,
  id: NodeId,
  said: Pick<ReportedNode, "ringStore" | "ring"> | undefined,
): boolean {
  if (said?.ringStore === undefined || said.ring === undefined) return false;
  return compareRings(said.ring, ring) <= 0 && !isAdmitted(ring, id, said.ringStore);
}

/** Of a member's release: it reads rings of format 2 and votes on their epochs. */
export const ELASTIC = "elastic";

/** How many healthy members that may propose come before this one; undefined where it may not itself, as far as it is known. */
export function proposerRank(ring: Ring, self: NodeId, reported: Reports): number | undefined {
  const able = votersOf(ring).filter(({ id }) => {
    const { isHealthy, ringStore = "" } = reported(id) ?? { isHealthy: false };
    return isHealthy && isAdmitted(ring, id, ringStore);
  });
  const rank = able.findIndex(({ id }) => id === self);
  return rank < 0 ? undefined : rank;
}

export interface RingUpkeepParts {
  readonly self: NodeId;
  readonly ring: RingState;
  readonly timers: Timers;
  readonly reported: Reports;
  /** Resolves once it is decided, or is not to be had now. Never rejects. */
  readonly propose: (step: Step) => Promise<unknown>;
}

const LOOK_INTERVAL_MS = 1_000;
/** So many more looks in a row find a step due before the next member proposes it: the one before has had time for a proposal. */
const LOOKS_A_RANK = 15;

export class RingUpkeep {
  readonly #parts: RingUpkeepParts;
  #due: { readonly ring: Ring; looks: number } | undefined;

  constructor(parts: RingUpkeepParts) {
    this.#parts = parts;
  }

  /** From now on until the process ends. */
  start(): void {
    this.#parts.timers.after(LOOK_INTERVAL_MS, () => void this.look().then(() => this.start()));
  }

  async look(): Promise<void> {
    const { self, ring, reported, propose } = this.#parts;
    const current = ring.current();
    const step = current && upkeepDue(current, reported);
    if (current === undefined || step === undefined) {
      this.#due = undefined;
      return;
    }
    if (this.#due?.ring !== current) this.#due = { ring: current, looks: 0 };
    const looks = this.#due.looks++;
    const rank = proposerRank(current, self, reported);
    if (rank !== undefined && looks >= rank * LOOKS_A_RANK) await propose(step);
  }
}
