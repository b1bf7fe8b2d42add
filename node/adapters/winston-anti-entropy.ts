import type { PeerLog } from "./peer-log.ts";
import type { AntiEntropyEvent } from "./prometheus-anti-entropy.ts";

/** What a person wants to read of anti-entropy: what was repaired, what cannot be, and nothing of what is in order. */
export function sayOfAntiEntropy(
  event: Exclude<AntiEntropyEvent, { kind: "antientropy_served" }>,
  log: PeerLog,
): void {
  switch (event.kind) {
    case "antientropy_exchanged": {
      const { outcome, peerId, reason, rowsDiffering, recordsPulled, recordsPushed } = event;
      const bytesMoved = event.bytesSent + event.bytesReceived;
      const fields = { peerId, rowsDiffering, recordsPulled, recordsPushed, bytesMoved };
      if (outcome === "repaired") log.sayRarely("copies_repaired", peerId, fields, "info");
      if (outcome === "failed")
        log.sayRarely("copies_not_repaired", `${peerId} ${reason}`, { ...fields, reason }, "warn");
      break;
    }
    case "scrub_stepped": {
      const { rows, corrupt, leavesRebuilt } = event;
      if (corrupt + leavesRebuilt > 0)
        log.sayRarely("scrub_found_damage", "", { rows, corrupt, leavesRebuilt }, "error");
      break;
    }
    case "tree_roots_rebuilt": {
      const advice = "the disk changed roots of the Merkle tree: look at its health";
      log.sayRarely(event.kind, "", { blocks: event.blocks, advice }, "error");
      break;
    }
    case "scrub_failed":
      log.sayRarely(event.kind, event.message, { message: event.message }, "error");
      break;
    case "corrupt_rows_repaired":
      log.sayRarely(event.kind, event.peerId, { peerId: event.peerId, rows: event.rows }, "warn");
      break;
    case "corrupt_rows_not_repaired": {
      const { kind, peerId, reason } = event;
      log.sayRarely(kind, `${peerId} ${reason}`, { peerId, reason, advice: "it is tried again" }, "warn");
      break;
    }
    case "corrupt_row_lost": {
      const { kind, partition, isOwner } = event;
      const advice = isOwner
        ? "no co-owner has a sound copy: restore a backup of one of the owners, or delete the key"
        : "a misplaced copy: the owners of the partition have theirs";
      log.sayRarely(kind, String(partition), { partition, advice }, isOwner ? "error" : "warn");
      break;
    }
  }
}
