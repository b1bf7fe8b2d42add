import type { Registry } from "prom-client";
import type { CoreEvent, Observer } from "../core/ports/observer.ts";
import { DURATION_BOUNDS, HotHistogram } from "./prometheus-histogram.ts";
import { Tally } from "./prometheus-tally.ts";

/** Counts what the core tells. Events of every request touch typed arrays and maps only; docs/METRICS.md names all. */
export class PrometheusObserver implements Observer {
  readonly #requests: Tally;
  readonly #durations: HotHistogram;
  readonly #siblings: HotHistogram;
  readonly #forwarded: Tally;
  readonly #standIns: Tally;
  readonly #hedges: Tally;
  readonly #repairs: Tally;
  readonly #timeouts: Tally;
  readonly #refused: Tally;
  readonly #corrupt: Tally;
  readonly #failedCommits: Tally;
  readonly #commits: HotHistogram;
  readonly #batchWrites: HotHistogram;
  readonly #ringConflicts: Tally;

  constructor(registry: Registry) {
    const tally = (name: string, help: string, ...labels: string[]): Tally =>
      new Tally(registry, { name, help, labels });
    this.#requests = tally(
      "dynamo_coordinator_requests_total",
      "Requests coordinated.",
      "operation",
      "outcome",
    );
    this.#durations = new HotHistogram(registry, {
      name: "dynamo_coordinator_request_duration_seconds",
      help: "From the request to its outcome, in the coordinator.",
      bounds: DURATION_BOUNDS,
      label: { name: "operation", values: ["put", "get"] },
    });
    this.#siblings = new HotHistogram(registry, {
      name: "dynamo_coordinator_get_siblings",
      help: "Siblings that a get was answered with.",
      bounds: [0, 1, 2, 5, 10, 50],
      label: undefined,
    });
    this.#forwarded = tally("dynamo_coordinator_forwards_total", "Requests handed on to an owner.", "peer");
    this.#standIns = tally(
      "dynamo_coordinator_stand_ins_total",
      "Writes that a stand-in took for an owner.",
      "owner",
    );
    this.#hedges = tally(
      "dynamo_coordinator_hedges_total",
      "Replicas doubled because one was silent.",
      "operation",
    );
    this.#repairs = tally("dynamo_coordinator_read_repairs_total", "Read repairs by result.", "result");
    this.#timeouts = tally(
      "dynamo_peer_call_timeouts_total",
      "Calls that a peer did not answer in time.",
      "peer",
    );
    this.#refused = tally(
      "dynamo_peer_messages_refused_total",
      "Messages of peers that were refused.",
      "peer",
    );
    this.#corrupt = tally(
      "dynamo_storage_corrupt_rows_total",
      "Rows that failed their checksum.",
      "database",
    );
    this.#failedCommits = tally("dynamo_storage_commit_failures_total", "Transactions that failed.", "code");
    this.#commits = new HotHistogram(registry, {
      name: "dynamo_storage_commit_duration_seconds",
      help: "A batch's transaction, with its fsync.",
      bounds: DURATION_BOUNDS,
      label: undefined,
    });
    this.#batchWrites = new HotHistogram(registry, {
      name: "dynamo_storage_batch_writes",
      help: "Writes committed by one transaction.",
      bounds: [1, 2, 4, 8, 16, 32, 64, 128, 256],
      label: undefined,
    });
    this.#ringConflicts = tally(
      "dynamo_ring_conflicts_total",
      "Peers that hold another ring of the same epoch.",
    );
  }

  event(event: CoreEvent): void {
    switch (event.kind) {
      case "put_finished":
        this.#requests.add(`put|${event.outcome}`);
        this.#durations.observe(0, event.durationMs / 1_000);
        break;
      case "get_finished":
        this.#requests.add(`get|${event.outcome}`);
        this.#durations.observe(1, event.durationMs / 1_000);
        if (event.outcome === "read") this.#siblings.observe(0, event.siblings);
        break;
      case "batch_committed":
        this.#commits.observe(0, event.durationMs / 1_000);
        this.#batchWrites.observe(0, event.writes);
        break;
      case "request_forwarded":
        this.#forwarded.add(event.peerId);
        break;
      case "stand_in_used":
        this.#standIns.add(event.ownerId);
        break;
      case "hedge_sent":
        this.#hedges.add(event.operation);
        break;
      case "read_repaired":
        this.#repairs.add(event.ok ? "repaired" : "failed");
        break;
      case "read_repair_dropped":
        this.#repairs.add("dropped");
        break;
      case "peer_call_timed_out":
        this.#timeouts.add(event.peerId);
        break;
      case "peer_message_refused":
        this.#refused.add(event.peerId);
        break;
      case "row_corrupt":
        this.#corrupt.add(event.database);
        break;
      case "commit_failed":
        this.#failedCommits.add(event.code);
        break;
      case "ring_installed":
        break;
      case "ring_conflict":
        this.#ringConflicts.add("");
        break;
    }
  }
}
