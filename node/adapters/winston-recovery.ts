import type { CoreEvent } from "../core/ports/observer.ts";
import type { PeerLog } from "./peer-log.ts";

export type RecoveryEvent = Extract<
  CoreEvent,
  {
    kind:
      "recovery_started" | "recovery_finished" | "acknowledgements_unreadable" | "acknowledgements_not_saved";
  }
>;

const WHY = {
  new_database: "data.db is new, and this node was a member before",
  replaced_database: "data.db is another one than acknowledged writes before",
  lost_ring: "ring.json is gone, and the ring says that this node is a member",
  rolled_back:
    "data.db lacks commits that were acknowledged: an old copy, or a disk that lost what it had synced",
  restarted: "an earlier process began it",
} as const;

/** A disk that lost data is rare and serious: each of these lines is written. */
export function sayOfRecovery(event: RecoveryEvent, log: PeerLog): void {
  switch (event.kind) {
    case "recovery_started": {
      const advice =
        "nothing to do: writes go on, reads of this node are no votes until it has compared all with its co-owners; " +
        "look after the disk";
      log.say(event.kind, { reason: event.reason, explanation: WHY[event.reason], advice }, "error");
      break;
    }
    case "recovery_finished":
      log.say(event.kind, {}, "info");
      break;
    case "acknowledgements_unreadable": {
      const advice =
        "acknowledgements.json begins anew; until peers have answered a lost disk may go unnoticed";
      log.say(event.kind, { advice }, "warn");
      break;
    }
    case "acknowledgements_not_saved": {
      const { kind, message } = event;
      log.sayRarely(kind, "", { message, advice: "it is tried again every second" }, "warn");
      break;
    }
  }
}
