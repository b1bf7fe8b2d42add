import type { CoreEvent } from "../core/ports/observer.ts";
import type { PeerLog } from "./peer-log.ts";

export type HandoffEvent = Extract<
  CoreEvent,
  {
    kind:
      | "handoff_completed"
      | "handoff_interrupted"
      | "orphans_handed_over"
      | "orphans_waiting"
      | "hints_refused"
      | "marker_dropped"
      | "hint_lost"
      | "hints_database_lost";
  }
>;

const WHY_LOST = {
  missing: "hints.db was not there",
  replaced: "hints.db is another one than data.db knows",
  rolled_back: "hints.db lacks commits that it had: an old copy, or a disk that lost what it had synced",
} as const;

/** What a person wants to read of the handoff: who got what was kept for it, and what could not be kept. */
export function sayOfHandoff(event: HandoffEvent, log: PeerLog): void {
  switch (event.kind) {
    case "handoff_completed":
    case "handoff_interrupted": {
      const { kind, ownerId, delivered } = event;
      log.sayRarely(kind, ownerId, { ownerId, delivered }, kind === "handoff_completed" ? "info" : "warn");
      break;
    }
    case "orphans_handed_over": {
      const { kind, ownerId, delivered } = event;
      const explanation = "this node is no member any more: the current owners have what was kept for it";
      log.sayRarely(kind, ownerId, { ownerId, delivered, explanation }, "info");
      break;
    }
    case "orphans_waiting": {
      const { kind, ownerId, delivered, waitsFor } = event;
      const advice =
        "hints for a node that owns their partitions no more, or whose partitions a ring change moves, go when every owner " +
        "of now and every node that gains them has them: bring the nodes in waitsFor back, or see to their disks";
      log.sayRarely(kind, ownerId, { ownerId, delivered, waitsFor, advice }, "warn");
      break;
    }
    case "hints_refused": {
      const { kind, count, hintBytes } = event;
      const advice =
        "hints.db is at its limit and keeps what it has: bring the absent owners back (one whose disk is lost with an " +
        "empty one: docs/OPERATIONS.md, Hosts), or raise hint-bytes-max";
      log.sayRarely(kind, "", { count, hintBytes, advice }, "error");
      break;
    }
    case "hint_lost": {
      const { kind, ownerId, partition } = event;
      const advice =
        "the copy in hints.db failed its check and was struck off; the owners of the partition compare what they have " +
        "now, which restores every write that another node holds. Look after the disk";
      log.sayRarely(kind, ownerId, { ownerId, partition, advice }, "error");
      break;
    }
    case "hints_database_lost": {
      const { kind, reason } = event;
      const advice =
        "what this node kept for absent owners is gone from here; all members are " +
        "asked to compare now, which restores every write that another node holds. Put the right hints.db back " +
        "with the node stopped if you have it, and look after the disk";
      log.say(kind, { reason, explanation: WHY_LOST[reason], advice }, "error");
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
