import type { Registry } from "prom-client";
import type { CoreEvent, Observer } from "../core/ports/observer.ts";
import { AntiEntropyMetrics } from "./prometheus-anti-entropy.ts";
import { DURATION_BOUNDS, HotHistogram } from "./prometheus-histogram.ts";
import { Tally } from "./prometheus-tally.ts";

/** Counts what the core tells. Events of every request touch typed arrays and maps only; docs/METRICS.md names all. */
export class PrometheusObserver implements Observer {
  readonly #coordinator: CoordinatorMetrics;
  readonly #handoff: HandoffMetrics;
  readonly #antiEntropy: AntiEntropyMetrics;
  readonly #peers: PeerMetrics;
  readonly #storage: StorageMetrics;

  constructor(registry: Registry) {
    this.#coordinator = coordinatorMetrics(registry);
    this.#handoff = handoffMetrics(registry);
    this.#antiEntropy = new AntiEntropyMetrics(registry);
    this.#peers = peerMetrics(registry);
    this.#storage = storageMetrics(registry);
  }

  event(event: CoreEvent): void {
    switch (event.kind) {
      case "put_finished":
        this.#coordinator.requests.add("put", event.outcome);
        this.#coordinator.durations.observe(0, event.durationMs / 1_000);
        break;
      case "get_finished":
        this.#coordinator.requests.add("get", event.outcome);
        this.#coordinator.durations.observe(1, event.durationMs / 1_000);
        if (event.outcome === "ok") this.#coordinator.siblings.observe(0, event.siblings);
        break;
      case "batch_committed":
        this.#storage.commits.observe(0, event.durationMs / 1_000);
        this.#storage.batchWrites.observe(0, event.writes);
        break;
      case "request_forwarded":
        this.#coordinator.forwarded.add(event.peerId);
        break;
      case "request_handed_on":
        this.#coordinator.handOns.add(event.peerId);
        break;
      case "owner_missed":
        this.#coordinator.missed.add(event.ownerId, event.outcome);
        break;
      case "stand_in_used":
        this.#coordinator.standIns.add(event.ownerId);
        break;
      case "hedge_sent":
        this.#coordinator.hedges.add(event.operation);
        break;
      case "read_repaired":
        this.#coordinator.repairs.add(event.ok ? "repaired" : "failed");
        break;
      case "read_repair_dropped":
        this.#coordinator.repairs.add("dropped");
        break;
      case "hints_sent":
        for (const fate of event.fates) this.#handoff.hints.add(fate);
        this.#handoff.batches.observe(0, event.durationMs / 1_000);
        break;
      case "hints_refused":
        for (let i = 0; i < event.count; i++) this.#handoff.hintsRefused.add();
        break;
      case "hint_received":
        this.#handoff.received.add(event.peerId);
        break;
      case "marker_dropped":
        break; // its fate "record_lost" is in hints_sent
      case "handoff_completed":
        this.#handoff.rounds.add("completed");
        break;
      case "handoff_interrupted":
        this.#handoff.rounds.add("interrupted");
        break;
      case "antientropy_exchanged":
      case "antientropy_served":
      case "scrub_stepped":
      case "scrub_failed":
      case "corrupt_rows_repaired":
      case "corrupt_rows_not_repaired":
      case "corrupt_row_lost":
        this.#antiEntropy.event(event);
        break;
      case "peer_call_timed_out":
        this.#peers.timeouts.add(event.peerId);
        break;
      case "peer_up":
      case "peer_slow":
      case "peer_down":
        this.#peers.beliefs.add(event.peerId, event.reason);
        break;
      case "node_stalled":
        this.#peers.stalls.add();
        break;
      case "gossip_finished":
        this.#peers.gossip.add(event.outcome);
        break;
      case "peer_message_refused":
        this.#peers.refused.add(event.peerId);
        break;
      case "row_corrupt":
        this.#storage.corrupt.add(event.database);
        break;
      case "commit_failed":
        this.#storage.failedCommits.add(event.code);
        break;
      case "ring_installed":
        break;
      case "ring_conflict":
        this.#peers.ringConflicts.add();
        break;
    }
  }
}

type CoordinatorMetrics = ReturnType<typeof coordinatorMetrics>;
type HandoffMetrics = ReturnType<typeof handoffMetrics>;
type PeerMetrics = ReturnType<typeof peerMetrics>;
type StorageMetrics = ReturnType<typeof storageMetrics>;

function coordinatorMetrics(registry: Registry) {
  const tally = tallies(registry);
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
      "Writes that a stand-in took for an owner.",
      "owner",
    ),
    hedges: tally("dynamo_coordinator_hedges_total", "Replicas doubled because one was silent.", "operation"),
    repairs: tally("dynamo_coordinator_read_repairs_total", "Read repairs by result.", "result"),
  };
}

function handoffMetrics(registry: Registry) {
  const tally = tallies(registry);
  return {
    hints: tally("dynamo_handoff_hints_total", "Hints sent to their owners, by what came of it.", "outcome"),
    hintsRefused: tally("dynamo_handoff_hints_refused_total", "Hints that found no room here."),
    received: tally("dynamo_handoff_received_total", "Hints that were handed over to this node.", "peer"),
    rounds: tally("dynamo_handoff_rounds_total", "Deliveries to one owner, by how they ended.", "outcome"),
    batches: new HotHistogram(registry, {
      name: "dynamo_handoff_batch_duration_seconds",
      help: "From reading a batch of hints to striking its last one out.",
      bounds: DURATION_BOUNDS,
      label: undefined,
    }),
  };
}

function peerMetrics(registry: Registry) {
  const tally = tallies(registry);
  return {
    timeouts: tally("dynamo_peer_call_timeouts_total", "Calls that a peer did not answer in time.", "peer"),
    refused: tally("dynamo_peer_messages_refused_total", "Messages of peers that were refused.", "peer"),
    beliefs: tally(
      "dynamo_peer_beliefs_total",
      "Changes of what this node believes of a peer, by why.",
      "peer",
      "reason",
    ),
    stalls: tally("dynamo_node_stalls_total", "Times that this node's event loop did not run for 500 ms."),
    gossip: tally("dynamo_gossip_rounds_total", "Gossip rounds that this node began.", "outcome"),
    ringConflicts: tally("dynamo_ring_conflicts_total", "Peers that hold another ring of the same epoch."),
  };
}

function storageMetrics(registry: Registry) {
  const tally = tallies(registry);
  return {
    corrupt: tally("dynamo_storage_corrupt_rows_total", "Rows that failed their checksum.", "database"),
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

function tallies(registry: Registry) {
  return (name: string, help: string, ...labels: string[]): Tally =>
    new Tally(registry, { name, help, labels });
}
