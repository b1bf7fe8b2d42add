import type { CoreEvent, Observer } from "../core/ports/observer.ts";
import { PeerLog } from "./peer-log.ts";
import { sayOfAntiEntropy } from "./winston-anti-entropy.ts";
import type { LogLine } from "./winston-logger.ts";

/**
 * Writes down what a person on call wants to read. What happens in every request is for the metrics alone; what can
 * happen in every request when a peer is ill is written once in 30 s.
 */
const HINTS_FULL =
  "hints.db is at its limit and keeps what it has: bring the absent owners back, remove them from the ring, or raise hint-bytes-max";

export class WinstonObserver implements Observer {
  readonly #log: PeerLog;

  constructor(line: LogLine) {
    this.#log = new PeerLog(line);
  }

  event(event: CoreEvent): void {
    switch (event.kind) {
      case "put_finished":
      case "get_finished":
      case "request_forwarded":
      case "hedge_sent":
      case "read_repaired":
      case "batch_committed":
      case "hints_sent":
      case "gossip_finished":
      case "antientropy_served":
        break;
      case "antientropy_exchanged":
      case "scrub_stepped":
      case "scrub_failed":
      case "corrupt_rows_repaired":
      case "corrupt_rows_not_repaired":
      case "corrupt_row_lost":
        sayOfAntiEntropy(event, this.#log);
        break;
      case "request_handed_on":
        this.#log.sayRarely(event.kind, event.peerId, { peerId: event.peerId }, "warn");
        break;
      case "owner_missed": {
        const { kind, ownerId, outcome } = event;
        if (outcome !== "marked")
          this.#log.sayRarely(kind, `${ownerId} ${outcome}`, { ownerId, outcome }, "warn");
        break;
      }
      case "hint_received":
        break;
      case "hints_refused": {
        const { count, hintBytes } = event;
        this.#log.sayRarely(event.kind, "", { count, hintBytes, advice: HINTS_FULL }, "error");
        break;
      }
      case "stand_in_used": {
        const { ownerId, standInId } = event;
        this.#log.sayRarely(event.kind, ownerId, { ownerId, standInId }, "warn");
        break;
      }
      case "handoff_completed":
      case "handoff_interrupted": {
        const { kind, ownerId, delivered } = event;
        this.#log.sayRarely(
          kind,
          ownerId,
          { ownerId, delivered },
          kind === "handoff_completed" ? "info" : "warn",
        );
        break;
      }
      case "marker_dropped":
        this.#log.sayRarely(event.kind, event.ownerId, { ownerId: event.ownerId }, "error");
        break;
      case "read_repair_dropped":
        this.#log.sayRarely(event.kind, "", {}, "warn");
        break;
      case "peer_up":
      case "peer_slow":
      case "peer_down": {
        const { kind, peerId, reason, before, lastedMs } = event;
        const fields = { peerId, reason, before, lastedMs: Math.round(lastedMs) };
        this.#log.sayRarely(kind, `${peerId} ${reason}`, fields, kind === "peer_up" ? "info" : "warn");
        break;
      }
      case "node_stalled":
        this.#log.sayRarely(
          event.kind,
          "",
          {
            durationMs: Math.round(event.durationMs),
            advice: "this process was stopped or starved of CPU; it judged no peer meanwhile",
          },
          "warn",
        );
        break;
      case "peer_call_timed_out":
        this.#log.sayRarely(event.kind, event.peerId, { peerId: event.peerId }, "warn");
        break;
      case "peer_message_refused": {
        const { peerId, reason } = event;
        this.#log.sayRarely(event.kind, `${peerId} ${reason}`, { peerId, reason }, "warn");
        break;
      }
      case "row_corrupt":
        this.#log.sayRarely("row_found_corrupt", event.database, { database: event.database }, "error");
        break;
      case "commit_failed": {
        const { code, message } = event;
        this.#log.sayRarely(event.kind, code, { code, message }, "error");
        break;
      }
      case "ring_installed": {
        const { epoch, hash, members } = event;
        this.#log.say(event.kind, { epoch, hash, members }, "info");
        break;
      }
      case "ring_conflict": {
        const { epoch, ours, theirs, peerId } = event;
        this.#log.sayRarely("ring_conflict_found", peerId, { epoch, ours, theirs, peerId }, "error");
        break;
      }
    }
  }
}
