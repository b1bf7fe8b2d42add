import type { Registry } from "prom-client";
import type { CoreEvent } from "../core/ports/observer.ts";
import { Tally } from "./prometheus-tally.ts";

export type PeerEvent = Extract<
  CoreEvent,
  {
    kind:
      | "peer_call_timed_out"
      | "peer_message_refused"
      | "peer_up"
      | "peer_slow"
      | "peer_down"
      | "node_stalled"
      | "gossip_finished"
      | "ring_conflict"
      | "stale_plan_refused";
  }
>;

/** Counts what goes on between members: calls that were lost, verdicts, gossip, forks. */
export class PeerMetrics {
  readonly #timeouts: Tally;
  readonly #refused: Tally;
  readonly #beliefs: Tally;
  readonly #stalls: Tally;
  readonly #gossip: Tally;
  readonly #ringConflicts: Tally;
  readonly #stalePlans: Tally;

  constructor(registry: Registry) {
    const tally = (name: string, help: string, ...labels: string[]): Tally =>
      new Tally(registry, { name, help, labels });
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
    this.#beliefs = tally(
      "dynamo_peer_beliefs_total",
      "Changes of what this node believes of a peer, by why.",
      "peer",
      "reason",
    );
    this.#stalls = tally(
      "dynamo_node_stalls_total",
      "Times that this node's event loop did not run for 500 ms.",
    );
    this.#gossip = tally("dynamo_gossip_rounds_total", "Gossip rounds that this node began.", "outcome");
    this.#ringConflicts = tally(
      "dynamo_ring_conflicts_total",
      "Peers that hold another ring of the same epoch.",
    );
    this.#stalePlans = tally(
      "dynamo_ring_stale_plans_total",
      "Requests of peers that were refused as planned by too old a ring.",
      "peer",
    );
  }

  event(event: PeerEvent): void {
    switch (event.kind) {
      case "peer_call_timed_out":
        return this.#timeouts.add(event.peerId);
      case "peer_message_refused":
        return this.#refused.add(event.peerId);
      case "peer_up":
      case "peer_slow":
      case "peer_down":
        return this.#beliefs.add(event.peerId, event.reason);
      case "node_stalled":
        return this.#stalls.add();
      case "gossip_finished":
        return this.#gossip.add(event.outcome);
      case "ring_conflict":
        return this.#ringConflicts.add();
      case "stale_plan_refused":
        return this.#stalePlans.add(event.peerId);
    }
  }
}
