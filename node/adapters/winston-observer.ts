import type { CoreEvent, Observer } from "../core/ports/observer.ts";
import { PeerLog } from "./peer-log.ts";
import { sayOfAntiEntropy } from "./winston-anti-entropy.ts";
import { sayOfCoordinator } from "./winston-coordinator.ts";
import { sayOfHandoff } from "./winston-handoff.ts";
import { sayOfRecovery } from "./winston-recovery.ts";
import type { LogLine } from "./winston-logger.ts";
import { sayOfPeers } from "./winston-peers.ts";
import { isRingEvent } from "./prometheus-ring.ts";
import { sayOfRing } from "./winston-ring.ts";
import { isSealEvent } from "./prometheus-seals.ts";
import { isTransferEvent } from "./prometheus-transfer.ts";
import { sayOfSeals } from "./winston-seals.ts";
import { sayOfTransfer } from "./winston-transfer.ts";

/**
 * Writes down what a person on call wants to read. What happens in every request is for the metrics alone; what can
 * happen in every request when a peer is ill is written once in 30 s.
 */
export class WinstonObserver implements Observer {
  readonly #log: PeerLog;

  constructor(line: LogLine) {
    this.#log = new PeerLog(line);
  }

  event(event: CoreEvent): void {
    if (isTransferEvent(event)) return sayOfTransfer(event, this.#log);
    if (isSealEvent(event)) return sayOfSeals(event, this.#log);
    if (isRingEvent(event)) return sayOfRing(event, this.#log);
    switch (event.kind) {
      case "put_finished":
      case "get_finished":
      case "request_forwarded":
      case "hedge_sent":
      case "planned_anew":
      case "stale_plan_refused":
      case "read_repaired":
      case "batch_committed":
      case "hints_sent":
      case "orphans_sent":
      case "hint_received":
      case "gossip_finished":
      case "antientropy_served":
        break;
      case "antientropy_exchanged":
      case "scrub_stepped":
      case "tree_roots_rebuilt":
      case "scrub_failed":
      case "corrupt_rows_repaired":
      case "corrupt_rows_not_repaired":
      case "corrupt_row_lost":
        return sayOfAntiEntropy(event, this.#log);
      case "request_handed_on":
      case "owner_missed":
      case "stand_in_used":
      case "read_repair_dropped":
        return sayOfCoordinator(event, this.#log);
      case "handoff_completed":
      case "orphans_handed_over":
      case "orphans_waiting":
      case "handoff_interrupted":
      case "hints_refused":
      case "marker_dropped":
      case "hint_lost":
      case "hints_database_lost":
        return sayOfHandoff(event, this.#log);
      case "recovery_started":
      case "recovery_finished":
      case "acknowledgements_unreadable":
      case "acknowledgements_not_saved":
        return sayOfRecovery(event, this.#log);
      case "peer_up":
      case "peer_slow":
      case "peer_down":
      case "node_stalled":
      case "peer_call_timed_out":
      case "peer_message_refused":
      case "ring_conflict":
        return sayOfPeers(event, this.#log);
      case "row_corrupt":
      case "indexes_rebuilt":
      case "commit_failed":
        return sayOfStorage(event, this.#log);
    }
  }
}

const MENDING = {
  data: "it is not served and is fetched from a co-owner (corrupt_rows_repaired says when); look after the disk",
  hints:
    "it is not delivered; what cannot be mended is struck off (hint_lost says for whom); look after the disk",
} as const;

const REBUILT =
  "an index of this file had rotted and was made anew from the rows; rows that it had hidden are found again, those whose " +
  "place was taken meanwhile (rowsDisplaced) were merged; writes waited for it; look after the disk";

function sayOfStorage(
  event: Extract<CoreEvent, { kind: "row_corrupt" | "indexes_rebuilt" | "commit_failed" }>,
  log: PeerLog,
): void {
  if (event.kind === "indexes_rebuilt") {
    const { database, rowsDisplaced } = event;
    log.say(event.kind, { database, rowsDisplaced, advice: REBUILT }, "error");
  } else if (event.kind === "row_corrupt")
    log.sayRarely(
      "row_found_corrupt",
      event.database,
      { database: event.database, advice: MENDING[event.database] },
      "error",
    );
  else log.sayRarely(event.kind, event.code, { code: event.code, message: event.message }, "error");
}
