import type { Registry } from "prom-client";
import type { CoreEvent } from "../core/ports/observer.ts";
import { DURATION_BOUNDS, HotHistogram } from "./prometheus-histogram.ts";
import { Tally } from "./prometheus-tally.ts";

export type CoordinatorEvent = Extract<
  CoreEvent,
  {
    kind:
      | "put_finished"
      | "get_finished"
      | "request_forwarded"
      | "request_handed_on"
      | "owner_missed"
      | "stand_in_used"
      | "hedge_sent"
      | "planned_anew"
      | "read_repaired"
      | "read_repair_dropped";
  }
>;

/** Counts requests on the node that coordinates them. */
export class CoordinatorMetrics {
  readonly #metrics: ReturnType<typeof metricsOf>;

  constructor(registry: Registry) {
    this.#metrics = metricsOf(registry);
  }

  event(event: CoordinatorEvent): void {
    const { requests, durations, siblings, forwarded, handOns, missed, standIns, hedges, replans, repairs } =
      this.#metrics;
    switch (event.kind) {
      case "put_finished":
        requests.add("put", event.outcome);
        durations.observe(0, event.durationMs / 1_000);
        break;
      case "get_finished":
        requests.add("get", event.outcome);
        durations.observe(1, event.durationMs / 1_000);
        if (event.outcome === "ok") siblings.observe(0, event.siblings);
        break;
      case "request_forwarded":
        forwarded.add(event.peerId);
        break;
      case "request_handed_on":
        handOns.add(event.peerId);
        break;
      case "owner_missed":
        missed.add(event.ownerId, event.outcome);
        break;
      case "stand_in_used":
        standIns.add(event.ownerId);
        break;
      case "hedge_sent":
        hedges.add(event.operation);
        break;
      case "planned_anew":
        replans.add();
        break;
      case "read_repaired":
        repairs.add(event.ok ? "repaired" : "failed");
        break;
      case "read_repair_dropped":
        repairs.add("dropped");
        break;
    }
  }
}

function metricsOf(registry: Registry) {
  const tally = (name: string, help: string, ...labels: string[]): Tally =>
    new Tally(registry, { name, help, labels });
  return {
    requests: tally("dynamo_coordinator_requests_total", "Requests coordinated.", "operation", "outcome"),
    durations: new HotHistogram(registry, {
      name: "dynamo_coordinator_request_duration_seconds",
      help: "From the request to its outcome, in the coordinator.",
      bounds: DURATION_BOUNDS,
      label: { name: "operation", values: ["put", "get"] },
    }),
    siblings: new HotHistogram(registry, {
      name: "dynamo_coordinator_get_siblings",
      help: "Siblings that a get was answered with.",
      bounds: [0, 1, 2, 5, 10, 50],
      label: undefined,
    }),
    forwarded: tally("dynamo_coordinator_forwards_total", "Requests handed on to an owner.", "peer"),
    handOns: tally(
      "dynamo_coordinator_hand_ons_total",
      "Requests that went to the next node because this one was silent.",
      "peer",
    ),
    missed: tally(
      "dynamo_coordinator_missed_owners_total",
      "Writes that an owner missed, by whether this node remembers it.",
      "owner",
      "outcome",
    ),
    standIns: tally(
      "dynamo_coordinator_stand_ins_total",
      "Copies of writes that a stand-in, which may be this node, has stored for an owner.",
      "owner",
    ),
    hedges: tally("dynamo_coordinator_hedges_total", "Replicas doubled because one was silent.", "operation"),
    replans: tally(
      "dynamo_coordinator_replans_total",
      "Requests that met a replica with a later ring, and began again by that.",
    ),
    repairs: tally("dynamo_coordinator_read_repairs_total", "Read repairs by result.", "result"),
  };
}
