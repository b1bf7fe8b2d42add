import { Counter, type Registry } from "prom-client";
import type { CoreEvent } from "../core/ports/observer.ts";

export type RingEvent = Extract<
  CoreEvent,
  { kind: "epoch_proposed" | "epoch_proposal_ended" | "change_waited" | "ring_installed" }
>;

export function isRingEvent(event: CoreEvent): event is RingEvent {
  return KINDS.has(event.kind);
}

const KINDS: ReadonlySet<string> = new Set([
  "epoch_proposed",
  "epoch_proposal_ended",
  "change_waited",
  "ring_installed",
] satisfies RingEvent["kind"][]);

/** Counts what this node proposes for the ring; how far a change is, gauges tell. */
export class RingMetrics {
  readonly #proposals: Counter;
  readonly #ballots: Counter;

  constructor(registry: Registry) {
    const counter = (name: string, help: string, ...labelNames: string[]) =>
      new Counter({ name, help, labelNames, registers: [registry] });
    this.#proposals = counter(
      "dynamo_ring_proposals_total",
      "Next epochs proposed here, by their end.",
      "step",
      "outcome",
    );
    this.#ballots = counter("dynamo_ring_ballots_total", "Ballots begun for them.");
  }

  event(event: RingEvent): void {
    if (event.kind !== "epoch_proposal_ended") return;
    this.#proposals.inc({ step: event.step, outcome: event.outcome });
    this.#ballots.inc(event.ballots);
  }
}
