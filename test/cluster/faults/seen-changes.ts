import type { AdminRing } from "../../../node/contract/admin-types.ts";

/** What became of the changes of a ring, told from the rings that nodes showed, in any order and with gaps. */
export interface ChangeCounts {
  /** Decided to begin. */
  readonly begun: number;
  /** All copies moved, reads go to the owners after. */
  readonly flipped: number;
  readonly ended: number;
  /** Taken back before the flip. */
  readonly cancelled: number;
}

type Phase = "begun" | "flipped" | "ended" | "cancelled";

interface UnderWay {
  readonly changeId: string;
  readonly joining: readonly string[];
  readonly leaving: readonly string[];
}

export class SeenChanges {
  readonly #phases = new Map<string, Phase>();
  #latest: AdminRing | undefined;
  #underWay: UnderWay | undefined;

  /** The latest ring of all that were shown. */
  get latest(): AdminRing | undefined {
    return this.#latest;
  }

  /** Whoever was asked says that it has begun, whether or not a ring was seen that shows it. */
  begun(changeId: string): void {
    if (!this.#phases.has(changeId)) this.#phases.set(changeId, "begun");
  }

  saw(ring: AdminRing): void {
    if (this.#latest !== undefined && !isLater(ring, this.#latest)) return;
    const before = this.#underWay;
    if (before !== undefined && before.changeId !== ring.change?.changeId)
      this.#phases.set(before.changeId, isMade(ring, before) ? "ended" : "cancelled");
    this.#latest = ring;
    this.#underWay = underWayIn(ring);
    if (ring.change === null) return;
    this.begun(ring.change.changeId);
    if (ring.change.phase === "flipped") this.#phases.set(ring.change.changeId, "flipped");
  }

  counts(): ChangeCounts {
    const phases = [...this.#phases.values()];
    const count = (...counted: Phase[]): number => phases.filter((phase) => counted.includes(phase)).length;
    return {
      begun: phases.length,
      flipped: count("flipped", "ended"),
      ended: count("ended"),
      cancelled: count("cancelled"),
    };
  }
}

export function isLater(
  one: Pick<AdminRing, "generation" | "epoch">,
  other: Pick<AdminRing, "generation" | "epoch">,
): boolean {
  return (
    one.generation > other.generation || (one.generation === other.generation && one.epoch > other.epoch)
  );
}

function underWayIn({ change, members }: AdminRing): UnderWay | undefined {
  if (change === null) return undefined;
  const inState = (state: string): string[] =>
    members.flatMap((each) => (each.state === state ? each.id : []));
  return { changeId: change.changeId, joining: inState("joining"), leaving: inState("leaving") };
}

/** By the members before the change that may be under way by now. */
function isMade({ members }: AdminRing, { joining, leaving }: UnderWay): boolean {
  const settled = new Set(members.flatMap(({ id, state }) => (state === "joining" ? [] : id)));
  return joining.every((id) => settled.has(id)) && !leaving.some((id) => settled.has(id));
}
