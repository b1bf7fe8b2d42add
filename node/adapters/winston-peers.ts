import type { PeerLog } from "./peer-log.ts";
import type { PeerEvent } from "./prometheus-peers.ts";

/** What a person wants to read of the other members: who is believed down and why, and who sends what is refused. */
export function sayOfPeers(
  event: Exclude<PeerEvent, { kind: "gossip_finished" | "stale_plan_refused" }>,
  log: PeerLog,
): void {
  switch (event.kind) {
    case "peer_up":
    case "peer_slow":
    case "peer_down": {
      const { kind, peerId, reason, before, lastedMs } = event;
      const fields = { peerId, reason, before, lastedMs: Math.round(lastedMs) };
      log.sayRarely(kind, `${peerId} ${reason}`, fields, kind === "peer_up" ? "info" : "warn");
      break;
    }
    case "node_stalled": {
      const advice = "this process was stopped or starved of CPU; it judged no peer meanwhile";
      log.sayRarely(event.kind, "", { durationMs: Math.round(event.durationMs), advice }, "warn");
      break;
    }
    case "peer_call_timed_out":
      log.sayRarely(event.kind, event.peerId, { peerId: event.peerId }, "warn");
      break;
    case "peer_message_refused": {
      const { peerId, reason } = event;
      log.sayRarely(event.kind, `${peerId} ${reason}`, { peerId, reason }, "warn");
      break;
    }
    case "ring_conflict": {
      const { epoch, ours, theirs, peerId } = event;
      log.sayRarely("ring_conflict_found", peerId, { epoch, ours, theirs, peerId }, "error");
      break;
    }
  }
}
