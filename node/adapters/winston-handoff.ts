import type { CoreEvent } from "../core/ports/observer.ts";
import type { PeerLog } from "./peer-log.ts";

export type HandoffEvent = Extract<
  CoreEvent,
  { kind: "handoff_completed" | "handoff_interrupted" | "hints_refused" | "marker_dropped" }
>;

/** What a person wants to read of the handoff: who got what was kept for it, and what could not be kept. */
export function sayOfHandoff(event: HandoffEvent, log: PeerLog): void {
  switch (event.kind) {
    case "handoff_completed":
    case "handoff_interrupted": {
      const { kind, ownerId, delivered } = event;
      log.sayRarely(kind, ownerId, { ownerId, delivered }, kind === "handoff_completed" ? "info" : "warn");
      break;
    }
    case "hints_refused": {
      const { kind, count, hintBytes } = event;
      const advice =
        "hints.db is at its limit and keeps what it has: bring the absent owners back, remove them from the ring, " +
        "or raise hint-bytes-max";
      log.sayRarely(kind, "", { count, hintBytes, advice }, "error");
      break;
    }
    case "marker_dropped": {
      const { kind, ownerId } = event;
      const advice = "a record that this owner missed is lost here; anti-entropy gets it from another owner";
      log.sayRarely(kind, ownerId, { ownerId, advice }, "error");
      break;
    }
  }
}
