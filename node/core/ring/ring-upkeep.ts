import type { NodeId } from "../node-id.ts";
import type { Timers } from "../ports/timers.ts";
import type { Step } from "./change/change-steps.ts";
import { departedOf } from "./change/departed.ts";
import { isAdmitted, votersOf } from "./change/elastic-ring.ts";
import { compareRings, type RingNumber } from "./ring-number.ts";
import type { RingState } from "./ring-state.ts";
import type { Ring } from "./ring.ts";

/**
 * Steps that nobody asks for: the raise to format 2, once every member can read it, the admission of members whose ring
 * store is new, and the release of departed nodes (decision 15). The lowest healthy member that may propose does it; the others, one after the other, where it does not come
 * to it: in a ring of format 1 nobody knows of another whether it may. Two that propose the same do no harm.
 */
export interface ReportedNode {
  readonly zone: string;
  readonly features?: readonly string[] | undefined;
  /** ring.ts `AdmittedMember`. */
  readonly ringStore?: string | undefined;
  /** The ring that is on its disk and that it serves. */
  readonly ring?: RingNumber | undefined;
  /** Of a node that is no member: whether it keeps copies or hints, or does not know yet. */
  readonly keepsCopies?: boolean | undefined;
  /** Whether this node believes that it answers. */
  readonly isHealthy: boolean;
  /** For how long it has not, as far as this process knows; 0 where it does. */
  readonly awayMs: number;
}

/** Also of nodes of which nothing has been heard: those are away since this process began. */
export type Reports = (id: NodeId) => ReportedNode | undefined;

/** The step that is due. Only words of nodes that serve this very ring count: what one said before it may be of an earlier life. */
export function upkeepDue(ring: Ring, reported: Reports, awayMsMax: number): Step | undefined {
  const stores = new Map<NodeId, string>();
  for (const { id } of ring.members) {
    const { isHealthy, ring: theirs, features = [], ringStore } = reported(id) ?? UNHEARD;
    const isUpToDate = isHealthy && theirs !== undefined && compareRings(theirs, ring) === 0;
    if (isUpToDate && ringStore !== undefined && features.includes(ELASTIC)) stores.set(id, ringStore);
  }
  if (ring.format === 1)
    return stores.size === ring.members.length ? { kind: "raise", ringStores: stores } : undefined;
  const changed = ring.members.find(({ id, ringStore }) => (stores.get(id) ?? ringStore) !== ringStore);
  if (changed !== undefined) return { kind: "admit", node: changed.id, ringStore: stores.get(changed.id)! };
  const released = ring.change === null ? releasedOf(ring, reported, awayMsMax) : undefined;
  return released && { kind: "release", node: released };
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

/** The first departed node that keeps nothing, or has been away for so long that it is not expected back. */
function releasedOf(ring: Ring, reported: Reports, awayMsMax: number): NodeId | undefined {
  return departedOf(ring).find((id) => {
    const node = reported(id);
    if (node === undefined) return false;
    if (!node.isHealthy) return node.awayMs >= awayMsMax;
    return node.keepsCopies === false && node.ring !== undefined && compareRings(node.ring, ring) === 0;
  });
}

const UNHEARD: Omit<ReportedNode, "zone"> = { isHealthy: false, awayMs: 0 };

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
  /** A departed node that is away for longer is not expected back (change/departed.ts). */
  readonly departedAwayMsMax: number;
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
    const { self, ring, reported, propose, departedAwayMsMax } = this.#parts;
    const current = ring.current();
    const step = current && upkeepDue(current, reported, departedAwayMsMax);
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
