import type { PeerLog } from "./peer-log.ts";
import type { TransferEvent } from "./prometheus-transfer.ts";

/** What a person wants to read of copies that move because the ring changes. */
export function sayOfTransfer(event: TransferEvent, log: PeerLog): void {
  switch (event.kind) {
    case "partitions_transferred": {
      const { peerId, outcome, reason, partitions, equal, recordsPulled } = event;
      const fields = { peerId, partitions, equal, recordsPulled };
      if (outcome === "failed" || outcome === "postponed") {
        const advice = "it is tried again, with others too";
        const level = outcome === "failed" ? "warn" : "info";
        log.sayRarely("transfer_not_complete", `${peerId} ${reason}`, { ...fields, reason, advice }, level);
      } else log.sayRarely("partitions_transferred", peerId, fields, "info");
      break;
    }
    case "misplaced_handed_over": {
      const { kind, partitions, rowsDropped, waitsFor } = event;
      if (waitsFor.length > 0) {
        const advice = "copies that this node does not own stay until all owners have them: bring these back";
        log.sayRarely("misplaced_waiting", waitsFor.join(), { partitions, waitsFor, advice }, "info");
      } else if (rowsDropped > 0) log.sayRarely(kind, "", { partitions, rowsDropped }, "info");
      break;
    }
    case "misplaced_not_taken": {
      const { kind, peerId, reason } = event;
      log.sayRarely(kind, `${peerId} ${reason}`, { peerId, reason, advice: "it is tried again" }, "warn");
      break;
    }
    case "copies_given_up": {
      const { kind, keys, hasHints } = event;
      const advice =
        "this node left the ring and was away for too long: its members may have forgotten what was deleted since, so its copies are " +
        "put aside, and this process ends; start it again, and it can join anew";
      log.sayRarely(kind, "", { keys, hasHints, advice }, "error");
      break;
    }
  }
}
