import { Counter, type Registry } from "prom-client";
import type { CoreEvent } from "../core/ports/observer.ts";

export type SealEvent = Extract<CoreEvent, { kind: "seal_round_ended" | "rows_sealed" }>;

export function isSealEvent(event: CoreEvent): event is SealEvent {
  return event.kind === "seal_round_ended" || event.kind === "rows_sealed";
}

/** Counts seal rounds where they began, and what they made this node forget. */
export class SealMetrics {
  readonly #rounds: Counter;
  readonly #rows: Counter;

  constructor(registry: Registry) {
    const counter = (name: string, help: string, label: string) =>
      new Counter({ name, help, labelNames: [label], registers: [registry] });
    this.#rounds = counter("dynamo_seal_rounds_total", "Seal rounds begun here, by their end.", "outcome");
    this.#rows = counter("dynamo_seal_rows_total", "Rows that seal rounds changed here.", "result");
  }

  event(event: SealEvent): void {
    if (event.kind === "seal_round_ended") return this.#rounds.inc({ outcome: event.outcome });
    this.#rows.inc({ result: "dropped" }, event.dropped);
    this.#rows.inc({ result: "pruned" }, event.pruned);
  }
}
