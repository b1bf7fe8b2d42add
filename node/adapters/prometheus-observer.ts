import type { Registry } from "prom-client";
import type { CoreEvent, Observer } from "../core/ports/observer.ts";
import { AntiEntropyMetrics } from "./prometheus-anti-entropy.ts";
import { CoordinatorMetrics } from "./prometheus-coordinator.ts";
import { HandoffMetrics } from "./prometheus-handoff.ts";
import { DURATION_BOUNDS, HotHistogram } from "./prometheus-histogram.ts";
import { PeerMetrics } from "./prometheus-peers.ts";
import { isRingEvent, RingMetrics } from "./prometheus-ring.ts";
import { isSealEvent, SealMetrics } from "./prometheus-seals.ts";
import { Tally } from "./prometheus-tally.ts";
import { isTransferEvent, TransferMetrics } from "./prometheus-transfer.ts";

/** Counts what the core tells. Events of every request touch typed arrays and maps only; docs/METRICS.md names all. */
export class PrometheusObserver implements Observer {
  readonly #coordinator: CoordinatorMetrics;
  readonly #handoff: HandoffMetrics;
  readonly #antiEntropy: AntiEntropyMetrics;
  readonly #transfer: TransferMetrics;
  readonly #seals: SealMetrics;
  readonly #ring: RingMetrics;
  readonly #peers: PeerMetrics;
  readonly #storage: StorageMetrics;

  constructor(registry: Registry) {
    this.#coordinator = new CoordinatorMetrics(registry);
    this.#handoff = new HandoffMetrics(registry);
    this.#antiEntropy = new AntiEntropyMetrics(registry);
    this.#transfer = new TransferMetrics(registry);
    this.#seals = new SealMetrics(registry);
    this.#ring = new RingMetrics(registry);
    this.#peers = new PeerMetrics(registry);
    this.#storage = storageMetrics(registry);
  }

  event(event: CoreEvent): void {
    if (isTransferEvent(event)) return this.#transfer.event(event);
    if (isSealEvent(event)) return this.#seals.event(event);
    if (isRingEvent(event)) return this.#ring.event(event);
    switch (event.kind) {
      case "put_finished":
      case "get_finished":
      case "request_forwarded":
      case "request_handed_on":
      case "owner_missed":
      case "stand_in_used":
      case "hedge_sent":
      case "planned_anew":
      case "read_repaired":
      case "read_repair_dropped":
        return this.#coordinator.event(event);
      case "hints_sent":
      case "orphans_sent":
      case "orphans_handed_over":
      case "orphans_waiting":
      case "hints_refused":
      case "hint_received":
      case "handoff_completed":
      case "handoff_interrupted":
      case "marker_dropped":
      case "hint_lost":
      case "hints_database_lost":
        return this.#handoff.event(event);
      case "antientropy_exchanged":
      case "antientropy_served":
      case "scrub_stepped":
      case "tree_roots_rebuilt":
      case "scrub_failed":
      case "corrupt_rows_repaired":
      case "corrupt_rows_not_repaired":
      case "corrupt_row_lost":
        return this.#antiEntropy.event(event);
      case "peer_call_timed_out":
      case "peer_message_refused":
      case "peer_up":
      case "peer_slow":
      case "peer_down":
      case "node_stalled":
      case "gossip_finished":
      case "ring_conflict":
      case "stale_plan_refused":
        return this.#peers.event(event);
      case "batch_committed":
      case "row_corrupt":
      case "indexes_rebuilt":
      case "commit_failed":
      case "recovery_started":
      case "recovery_finished":
      case "acknowledgements_unreadable":
      case "acknowledgements_not_saved":
        return this.#storageEvent(event);
    }
  }

  #storageEvent(event: StorageEvent): void {
    switch (event.kind) {
      case "batch_committed":
        this.#storage.commits.observe(0, event.durationMs / 1_000);
        this.#storage.batchWrites.observe(0, event.writes);
        break;
      case "row_corrupt":
        this.#storage.corrupt.add(event.database);
        break;
      case "indexes_rebuilt":
        this.#storage.indexesRebuilt.add(event.database);
        break;
      case "commit_failed":
        this.#storage.failedCommits.add(event.code);
        break;
      case "recovery_started":
        this.#storage.recoveries.add(event.reason);
        break;
      case "acknowledgements_not_saved":
        this.#storage.acknowledgementsNotSaved.add();
        break;
      case "recovery_finished":
      case "acknowledgements_unreadable":
        break; // gauges and the log tell
    }
  }
}

type StorageEvent = Extract<
  CoreEvent,
  {
    kind:
      | "batch_committed"
      | "row_corrupt"
      | "indexes_rebuilt"
      | "commit_failed"
      | "recovery_started"
      | "recovery_finished"
      | "acknowledgements_unreadable"
      | "acknowledgements_not_saved";
  }
>;
type StorageMetrics = ReturnType<typeof storageMetrics>;

function storageMetrics(registry: Registry) {
  const tally = (name: string, help: string, ...labels: string[]): Tally =>
    new Tally(registry, { name, help, labels });
  return {
    corrupt: tally("dynamo_storage_corrupt_rows_total", "Rows that failed their checksum.", "database"),
    indexesRebuilt: tally(
      "dynamo_storage_index_rebuilds_total",
      "Times that rotten indexes were made anew from the rows.",
      "database",
    ),
    recoveries: tally("dynamo_recoveries_total", "Times that data was found lost, by how.", "reason"),
    acknowledgementsNotSaved: tally(
      "dynamo_recovery_save_failures_total",
      "Failed writes of acknowledgements.json.",
    ),
    failedCommits: tally("dynamo_storage_commit_failures_total", "Transactions that failed.", "code"),
    commits: new HotHistogram(registry, {
      name: "dynamo_storage_commit_duration_seconds",
      help: "A batch's transaction, with its fsync.",
      bounds: DURATION_BOUNDS,
      label: undefined,
    }),
    batchWrites: new HotHistogram(registry, {
      name: "dynamo_storage_batch_writes",
      help: "Writes committed by one transaction.",
      bounds: [1, 2, 4, 8, 16, 32, 64, 128, 256],
      label: undefined,
    }),
  };
}
