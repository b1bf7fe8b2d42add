import type { CoreEvent } from "../core/ports/observer.ts";
import type { PeerLog } from "./peer-log.ts";

export type CoordinatorTrouble = Extract<
  CoreEvent,
  { kind: "request_handed_on" | "owner_missed" | "stand_in_used" | "read_repair_dropped" }
>;

/** Signs in a coordinator's requests that a node is ill. */
export function sayOfCoordinator(event: CoordinatorTrouble, log: PeerLog): void {
  switch (event.kind) {
    case "request_handed_on":
      log.sayRarely(event.kind, event.peerId, { peerId: event.peerId }, "warn");
      break;
    case "owner_missed": {
      const { kind, ownerId, outcome } = event;
      if (outcome !== "marked") log.sayRarely(kind, `${ownerId} ${outcome}`, { ownerId, outcome }, "warn");
      break;
    }
    case "stand_in_used": {
      const { kind, ownerId, standInId } = event;
      log.sayRarely(kind, ownerId, { ownerId, standInId }, "warn");
      break;
    }
    case "read_repair_dropped":
      log.sayRarely(event.kind, "", {}, "warn");
      break;
  }
}
