import type { NodeId } from "../../node/core/node-id.ts";
import { decodeMessage, KIND, kindOf } from "../../node/core/wire/messages.ts";
import type { Mark } from "./coverage-marks.ts";
import type { SimulatedHost } from "./world/simulated-host.ts";

/** Which part a node has in a change of the ring just now: so that kills are known to have met each of them in each phase. */
export class ChangeParts {
  /** Who has asked for votes: when it did so last. */
  readonly #proposedMs = new Map<NodeId, number>();

  sent({ id }: SimulatedHost, message: Uint8Array, nowMs: number): void {
    if (kindOf(message) !== KIND.control) return;
    const decoded = decodeMessage(message);
    if (decoded.kind !== "request" || decoded.request.kind !== "control") return;
    const { type } = JSON.parse(new TextDecoder().decode(decoded.request.body)) as { type: string };
    if (type === "ring.prepare" || type === "ring.accept") this.#proposedMs.set(id, nowMs);
  }

  /** Of a node that runs. */
  of({ id, node }: SimulatedHost, nowMs: number): readonly Mark[] {
    const ring = node?.ring.current();
    if (ring?.format !== 2) return [];
    const phase = ring.change?.phase ?? "settled";
    const state = ring.members.find((member) => member.id === id)?.state;
    const marks: Mark[] = [];
    if (nowMs - (this.#proposedMs.get(id) ?? -Infinity) < BALLOT_MS) marks.push(PROPOSER_KILLED[phase]);
    if (phase === "settled" || state === undefined) return marks;
    return [...marks, (state === "joining" ? JOINING_KILLED : SOURCE_KILLED)[phase]];
  }
}

/** From a question of a ballot to what it decides. */
const BALLOT_MS = 200;

const PROPOSER_KILLED = {
  settled: "proposer of a begin killed",
  transfer: "proposer of a flip or cancel killed",
  flipped: "proposer of an end killed",
} as const;
const JOINING_KILLED = {
  transfer: "joining node killed in transfer",
  flipped: "joining node killed after the flip",
} as const;
const SOURCE_KILLED = {
  transfer: "source killed in transfer",
  flipped: "source killed after the flip",
} as const;
