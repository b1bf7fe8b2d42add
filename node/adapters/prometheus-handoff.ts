import type { Registry } from "prom-client";
import type { CoreEvent } from "../core/ports/observer.ts";
import { DURATION_BOUNDS, HotHistogram } from "./prometheus-histogram.ts";
import { Tally } from "./prometheus-tally.ts";

export type HandoffEvent = Extract<
  CoreEvent,
  {
    kind:
      | "hints_sent"
      | "orphans_sent"
      | "orphans_handed_over"
      | "orphans_waiting"
      | "hints_refused"
      | "hint_received"
      | "handoff_completed"
      | "handoff_interrupted"
      | "marker_dropped"
      | "hint_lost"
      | "hints_database_lost";
  }
>;

/** Counts hints on both sides: the node that keeps and sends them, and the owner that gets them. */
export class HandoffMetrics {
  readonly #metrics: ReturnType<typeof metricsOf>;

  constructor(registry: Registry) {
    this.#metrics = metricsOf(registry);
  }

  event(event: HandoffEvent): void {
    const { hints, orphans, refused, received, rounds, batches, lost, databasesLost } = this.#metrics;
    switch (event.kind) {
      case "hints_sent":
        for (const fate of event.fates) hints.add(fate);
        batches.observe(0, event.durationMs / 1_000);
        break;
      case "orphans_sent":
        for (const fate of event.fates) orphans.add(fate);
        batches.observe(0, event.durationMs / 1_000);
        break;
      case "hints_refused":
        for (let i = 0; i < event.count; i++) refused.add();
        break;
      case "hint_received":
        received.add(event.peerId);
        break;
      case "handoff_completed":
      case "orphans_handed_over":
        rounds.add("completed");
        break;
      case "handoff_interrupted":
      case "orphans_waiting":
        rounds.add("interrupted");
        break;
      case "hint_lost":
        lost.add();
        break;
      case "hints_database_lost":
        databasesLost.add(event.reason);
        break;
      case "marker_dropped":
        break; // counted as a hint whose outcome is "record_lost"
    }
  }
}

function metricsOf(registry: Registry) {
  const tally = (name: string, help: string, ...labels: string[]): Tally =>
    new Tally(registry, { name, help, labels });
  return {
    hints: tally("dynamo_handoff_hints_total", "Hints sent to their owners, by what came of it.", "outcome"),
    orphans: tally(
      "dynamo_handoff_orphans_total",
      "Hints for nodes that are no members, sent to the current owners, by what came of it.",
      "outcome",
    ),
    refused: tally("dynamo_handoff_hints_refused_total", "Hints that found no room here."),
    received: tally("dynamo_handoff_received_total", "Hints that were handed over to this node.", "peer"),
    lost: tally("dynamo_handoff_hints_lost_total", "Hints that rotted here and were struck off."),
    databasesLost: tally(
      "dynamo_handoff_databases_lost_total",
      "Times that hints.db was found lost.",
      "reason",
    ),
    rounds: tally("dynamo_handoff_rounds_total", "Deliveries to one owner, by how they ended.", "outcome"),
    batches: new HotHistogram(registry, {
      name: "dynamo_handoff_batch_duration_seconds",
      help: "From reading a batch of hints to striking its last one out.",
      bounds: DURATION_BOUNDS,
      label: undefined,
    }),
  };
}
