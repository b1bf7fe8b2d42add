import type { PeerLog } from "./peer-log.ts";
import type { RingEvent } from "./prometheus-ring.ts";

/** What a person wants to read of a ring that changes: who proposes what, and why a change does not go on. */
export function sayOfRing(event: RingEvent, log: PeerLog): void {
  switch (event.kind) {
    case "ring_installed": {
      const { kind, generation, epoch, hash, members } = event;
      log.say(kind, { generation, epoch, hash, members }, "info");
      break;
    }
    case "epoch_proposed": {
      const { kind, step, changeId, epoch } = event;
      log.say(kind, { step, changeId, epoch }, "debug");
      break;
    }
    case "epoch_proposal_ended": {
      const { kind, step, changeId, epoch, outcome, ballots, message, durationMs } = event;
      const fields = { step, changeId, epoch, outcome, ballots, durationMs: Math.round(durationMs) };
      if (outcome === "decided" || outcome === "overtaken") log.say(kind, fields, "info");
      else log.sayRarely(kind, `${step} ${changeId} ${outcome}`, { ...fields, reason: message }, "warn");
      break;
    }
    case "change_waited": {
      const { kind, changeId, phase, moved, total, partition, nodeId, has, needs, durationMs } = event;
      const waitsFor =
        nodeId === ""
          ? `partition ${partition}: ${has} of ${needs} owners before have taken over this epoch; see that they run and reach each other`
          : `partition ${partition} at ${nodeId}: level with ${has} of ${needs} owners before; see that they run and reach it`;
      const fields = { changeId, phase, moved, total, waitsFor, seconds: Math.round(durationMs / 1_000) };
      log.sayRarely(kind, changeId, fields, "info");
      break;
    }
  }
}
