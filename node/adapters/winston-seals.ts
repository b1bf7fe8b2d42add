import type { PeerLog } from "./peer-log.ts";
import type { SealEvent } from "./prometheus-seals.ts";

const WHY_NOT = "tombstones stay until all members have been up, whole and of one ring for some minutes";

/** What a person wants to read of seal rounds: that deleted keys are gone, and why they are not. */
export function sayOfSeals(event: SealEvent, log: PeerLog): void {
  if (event.kind === "rows_sealed") return;
  const { outcome, peerId, asked, sealed } = event;
  if (outcome !== "sealed") {
    const fields = { reason: outcome, peerId, advice: WHY_NOT };
    log.sayRarely("deleted_keys_not_forgotten", `${outcome} ${peerId}`, fields, "info");
  } else if (sealed > 0) log.say("deleted_keys_forgotten", { asked, sealed }, "info");
}
