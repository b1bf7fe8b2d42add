import { Counter, type Registry } from "prom-client";
import type { CoreEvent } from "../core/ports/observer.ts";

export type TransferEvent = Extract<
  CoreEvent,
  { kind: "partitions_transferred" | "misplaced_handed_over" | "misplaced_not_taken" | "copies_given_up" }
>;

export function isTransferEvent(event: CoreEvent): event is TransferEvent {
  return KINDS.has(event.kind);
}

const KINDS: ReadonlySet<string> = new Set([
  "partitions_transferred",
  "misplaced_handed_over",
  "misplaced_not_taken",
  "copies_given_up",
] satisfies TransferEvent["kind"][]);

/** Counts what moves because the ring changes: copies that come here, and copies that are given away afterwards. */
export class TransferMetrics {
  readonly #metrics: ReturnType<typeof metricsOf>;

  constructor(registry: Registry) {
    this.#metrics = metricsOf(registry);
  }

  event(event: TransferEvent): void {
    const { exchanges, partitions, records, bytes, dropped, notTaken } = this.#metrics;
    switch (event.kind) {
      case "partitions_transferred":
        exchanges.inc({ outcome: event.outcome });
        partitions.inc(event.equal);
        records.inc({ direction: "pulled" }, event.recordsPulled);
        records.inc({ direction: "pushed" }, event.recordsPushed);
        bytes.inc({ direction: "sent" }, event.bytesSent);
        bytes.inc({ direction: "received" }, event.bytesReceived);
        break;
      case "misplaced_handed_over":
        dropped.inc(event.rowsDropped);
        break;
      case "misplaced_not_taken":
        notTaken.inc();
        break;
      case "copies_given_up":
        break; // the process ends: a gauge of the next one tells
    }
  }
}

function metricsOf(registry: Registry) {
  const counter = (name: string, help: string, ...labelNames: string[]) =>
    new Counter({ name, help, labelNames, registers: [registry] });
  return {
    exchanges: counter(
      "dynamo_transfer_exchanges_total",
      "Exchanges begun here to get copies that a ring change moves, by their end.",
      "outcome",
    ),
    partitions: counter(
      "dynamo_transfer_partitions_total",
      "Partitions found equal with an owner by them; each counts once an owner.",
    ),
    records: counter("dynamo_transfer_records_total", "Records moved by them.", "direction"),
    bytes: counter("dynamo_transfer_bytes_total", "Bytes of their messages.", "direction"),
    dropped: counter(
      "dynamo_misplaced_rows_dropped_total",
      "Rows of partitions not owned here, removed since all owners have them.",
    ),
    notTaken: counter(
      "dynamo_misplaced_not_taken_total",
      "Times that an owner could not be given some of them.",
    ),
  };
}
