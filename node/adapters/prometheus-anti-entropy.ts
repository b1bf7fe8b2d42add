import { Counter, type Registry } from "prom-client";
import type { CoreEvent } from "../core/ports/observer.ts";
import { DURATION_BOUNDS, HotHistogram } from "./prometheus-histogram.ts";

export type AntiEntropyEvent = Extract<
  CoreEvent,
  {
    kind:
      | "antientropy_exchanged"
      | "antientropy_served"
      | "scrub_stepped"
      | "tree_roots_rebuilt"
      | "scrub_failed"
      | "corrupt_rows_repaired"
      | "corrupt_rows_not_repaired"
      | "corrupt_row_lost";
  }
>;

/** Counts exchanges, on the side that began them and on the side that served them, and the scrub. */
export class AntiEntropyMetrics {
  readonly #metrics: ReturnType<typeof metricsOf>;

  constructor(registry: Registry) {
    this.#metrics = metricsOf(registry);
  }

  event(event: AntiEntropyEvent): void {
    const { exchanges, durations, records, bytes, questions, served, rows, corrupt, leaves, failures } =
      this.#metrics;
    switch (event.kind) {
      case "antientropy_exchanged":
        exchanges.inc({ outcome: event.outcome });
        durations.observe(0, event.durationMs / 1_000);
        records.inc({ direction: "pulled" }, event.recordsPulled);
        records.inc({ direction: "pushed" }, event.recordsPushed);
        bytes.inc({ direction: "sent" }, event.bytesSent);
        bytes.inc({ direction: "received" }, event.bytesReceived);
        break;
      case "antientropy_served":
        questions.inc({ question: event.question, answer: event.answer });
        served.inc(event.bytes);
        break;
      case "scrub_stepped":
        rows.inc(event.rows);
        corrupt.inc({ result: "found" }, event.corrupt);
        leaves.inc(event.leavesRebuilt);
        break;
      case "tree_roots_rebuilt":
        leaves.inc(event.blocks);
        break;
      case "scrub_failed":
        failures.inc();
        break;
      case "corrupt_rows_repaired":
        corrupt.inc({ result: "repaired" }, event.rows);
        break;
      case "corrupt_rows_not_repaired":
        corrupt.inc({ result: "not_answered" });
        break;
      case "corrupt_row_lost":
        corrupt.inc({ result: "lost" });
        break;
    }
  }
}

function metricsOf(registry: Registry) {
  const counter = (name: string, help: string, ...labelNames: string[]) =>
    new Counter({ name, help, labelNames, registers: [registry] });
  return {
    exchanges: counter(
      "dynamo_antientropy_exchanges_total",
      "Exchanges begun here, by their end.",
      "outcome",
    ),
    durations: new HotHistogram(registry, {
      name: "dynamo_antientropy_exchange_duration_seconds",
      help: "From the first question of an exchange to its end.",
      bounds: DURATION_BOUNDS,
      label: undefined,
    }),
    records: counter("dynamo_antientropy_records_total", "Records moved by them.", "direction"),
    bytes: counter("dynamo_antientropy_bytes_total", "Bytes of their messages.", "direction"),
    questions: counter(
      "dynamo_antientropy_served_total",
      "Questions of exchanges that peers began, by the answer.",
      "question",
      "answer",
    ),
    served: counter("dynamo_antientropy_served_bytes_total", "Bytes of those answers."),
    rows: counter("dynamo_antientropy_scrub_rows_total", "Rows that the scrub has checked."),
    corrupt: counter(
      "dynamo_antientropy_corrupt_rows_total",
      "Corrupt rows, by what came of them.",
      "result",
    ),
    leaves: counter(
      "dynamo_antientropy_leaves_rebuilt_total",
      "Leaves or roots of the tree that were not the sum of what they cover.",
    ),
    failures: counter(
      "dynamo_antientropy_scrub_failures_total",
      "Steps of the scrub that could not be done.",
    ),
  };
}
