import { expect } from "chai";
import { Registry } from "prom-client";
import type { TransportCounters } from "../../../../node/adapters/peer-counters.ts";
import { registerGauges } from "../../../../node/adapters/prometheus-gauges.ts";
import { HotHistogram } from "../../../../node/adapters/prometheus-histogram.ts";
import { PrometheusHttpObserver } from "../../../../node/adapters/prometheus-http-observer.ts";
import { PrometheusObserver } from "../../../../node/adapters/prometheus-observer.ts";
import { createRegistry, exposeMetrics } from "../../../../node/adapters/prometheus-registry.ts";
import { Tally } from "../../../../node/adapters/prometheus-tally.ts";

async function lines(registry: Registry, name: string): Promise<string[]> {
  const { text } = await exposeMetrics(registry);
  return text.split("\n").filter((line) => line.startsWith(name));
}

describe("prometheus metrics", () => {
  it("expose a histogram with cumulative buckets, sum and count for each value of its label", async () => {
    const registry = new Registry();
    const label = { name: "op", values: ["a", "b"] };
    const histogram = new HotHistogram(registry, { name: "x_seconds", help: "x", bounds: [1, 2], label });
    for (const value of [0.5, 1, 1.5, 9]) histogram.observe(0, value);
    expect(await lines(registry, "x_seconds")).to.deep.equal([
      'x_seconds_bucket{op="a",le="1"} 2',
      'x_seconds_bucket{op="a",le="2"} 3',
      'x_seconds_bucket{op="a",le="+Inf"} 4',
      'x_seconds_sum{op="a"} 12',
      'x_seconds_count{op="a"} 4',
      'x_seconds_bucket{op="b",le="1"} 0',
      'x_seconds_bucket{op="b",le="2"} 0',
      'x_seconds_bucket{op="b",le="+Inf"} 0',
      'x_seconds_sum{op="b"} 0',
      'x_seconds_count{op="b"} 0',
    ]);
    expect((await exposeMetrics(registry)).text).to.include("# TYPE x_seconds histogram");
  });

  it("count each set of labels, stay right over several scrapes, and bound the sets", async () => {
    const registry = new Registry();
    const tally = new Tally(registry, { name: "y_total", help: "y", labels: ["a", "b"] });
    tally.add("1", "2");
    tally.add("1", "2");
    tally.add("1", "3");
    const expected = ['y_total{a="1",b="2"} 2', 'y_total{a="1",b="3"} 1'];
    expect(await lines(registry, "y_total")).to.deep.equal(expected);
    expect(await lines(registry, "y_total")).to.deep.equal(expected);
    for (let i = 0; i < 2_000; i++) tally.add(String(i), "x");
    const bounded = await lines(registry, "y_total");
    expect(bounded.length).to.equal(501);
    expect(bounded.at(-1)).to.match(/a="other".* 1502$/);
  });

  it("count the core's events", async () => {
    const registry = new Registry();
    const observer = new PrometheusObserver(registry);
    observer.event({ kind: "put_finished", outcome: "ok", durationMs: 3 });
    observer.event({ kind: "get_finished", outcome: "ok", siblings: 2, durationMs: 3 });
    observer.event({ kind: "get_finished", outcome: "overloaded", siblings: 0, durationMs: 3 });
    observer.event({ kind: "batch_committed", writes: 7, bytes: 1, durationMs: 3 });
    observer.event({ kind: "read_repair_dropped" });
    observer.event({ kind: "orphans_sent", ownerId: "p", fates: ["delivered", "waiting"], durationMs: 3 });
    observer.event({ kind: "orphans_waiting", ownerId: "p", delivered: 1, waitsFor: ["q"] });
    observer.event({ kind: "indexes_rebuilt", database: "hints", rowsDisplaced: 2 });
    observer.event({ kind: "seal_round_ended", outcome: "sealed", peerId: "", asked: 5, sealed: 4 });
    observer.event({ kind: "rows_sealed", dropped: 3, pruned: 1 });
    const proposed = { step: "flip", changeId: "grow-1", epoch: 4 };
    observer.event({ kind: "epoch_proposed", ...proposed });
    const ended = { outcome: "overtaken", ballots: 3, message: "", durationMs: 12 } as const;
    observer.event({ kind: "epoch_proposal_ended", ...proposed, ...ended });
    const { text } = await exposeMetrics(registry);
    for (const line of [
      'dynamo_ring_proposals_total{step="flip",outcome="overtaken"} 1',
      "dynamo_ring_ballots_total 3",
      'dynamo_seal_rounds_total{outcome="sealed"} 1',
      'dynamo_seal_rows_total{result="dropped"} 3',
      'dynamo_seal_rows_total{result="pruned"} 1',
      'dynamo_coordinator_requests_total{operation="put",outcome="ok"} 1',
      'dynamo_coordinator_requests_total{operation="get",outcome="overloaded"} 1',
      'dynamo_coordinator_request_duration_seconds_count{operation="get"} 2',
      "dynamo_coordinator_get_siblings_sum 2",
      "dynamo_coordinator_get_siblings_count 1",
      "dynamo_storage_batch_writes_sum 7",
      "dynamo_storage_commit_duration_seconds_sum 0.003",
      'dynamo_coordinator_read_repairs_total{result="dropped"} 1',
      'dynamo_storage_index_rebuilds_total{database="hints"} 1',
      'dynamo_handoff_orphans_total{outcome="waiting"} 1',
      'dynamo_handoff_rounds_total{outcome="interrupted"} 1',
    ]) {
      expect(text.split("\n")).to.include(line);
    }
  });

  it("count requests of the client port by bounded method and status", async () => {
    const registry = new Registry();
    const observer = new PrometheusHttpObserver(registry);
    observer.answered("GET", 200, 4);
    observer.answered("PROPFIND", 405, 0.1);
    observer.answered("TRACE", 405, 0.1);
    observer.shed("requests");
    expect(await lines(registry, "dynamo_http_requests_total")).to.deep.equal([
      'dynamo_http_requests_total{method="GET",status="200"} 1',
      'dynamo_http_requests_total{method="other",status="405"} 2',
    ]);
    expect(await lines(registry, "dynamo_http_requests_shed_total")).to.deep.equal([
      'dynamo_http_requests_shed_total{reason="requests"} 1',
    ]);
  });

  it("ask their sources when somebody scrapes, and give hints pending a line of its own", async () => {
    const registry = createRegistry();
    const id = "11111111-1111-4111-8111-111111111111" as TransportCounters["peers"][number]["id"];
    let hints = 0;
    const storage = {
      dataRows: 1,
      tombstones: { count: 4, inDoubt: true },
      hintRows: 2,
      hintMarkers: 1,
      hintBytesUsed: 4,
      hintsByOwner: new Map(),
      dataBytes: 3,
      dataLogBytes: 4,
      hintBytes: 5,
      hintLogBytes: 6,
      freeBytes: 7,
    };
    const peer = {
      id,
      connected: true,
      queuedBytes: 8,
      messagesSent: 9,
      bytesSent: 10,
      messagesReceived: 11,
      bytesReceived: 12,
      refusedNotConnected: 13,
      refusedWindowFull: 14,
      connects: 15,
      disconnects: 16,
      pingMs: undefined,
    };
    registerGauges(registry, {
      version: "1.2.3",
      ready: () => true,
      readOnly: () => false,
      ring: () => ({ epoch: 4, members: 3 }),
      hintsPending: () => hints,
      misplacedKeys: () => 3,
      setAsideBytes: () => 0,
      changeLacks: () => 4,
      hintsOrphaned: () => 1,
      recovery: () => ({ recovering: true, partitionsLeft: 5 }),
      storage: () => storage,
      oldestWriteAgeMs: () => 1_500,
      readCache: () => ({ hits: 3, misses: 2, bytes: 1 }),
      peers: () => ({ peers: [peer], handshakesFailed: new Map([["garbage", 17]]) }),
      peerStates: () => [[id, 2]],
      equalAgoMs: () => [[id, 2_500]],
      http: () => ({ requests: 1, readsLimit: 4, writesLimit: 5, bodyBytes: 2, eventLoopDelayMs: 3 }),
    });
    expect(await lines(registry, "dynamo_handoff_hints_pending")).to.deep.equal([
      "dynamo_handoff_hints_pending 0",
    ]);
    hints = 6;
    const { text } = await exposeMetrics(registry);
    for (const line of [
      "dynamo_handoff_hints_pending 6",
      'dynamo_node_info{version="1.2.3"} 1',
      "dynamo_node_ready 1",
      "dynamo_ring_epoch 4",
      "dynamo_storage_tombstones 4",
      "dynamo_storage_tombstones_in_doubt 1",
      "dynamo_storage_oldest_write_age_seconds 1.5",
      "dynamo_http_event_loop_delay_seconds 0.003",
      `dynamo_peer_messages_sent_total{peer="${id}"} 9`,
      `dynamo_antientropy_seconds_since_equal{peer="${id}"} 2.5`,
      'dynamo_peer_handshakes_failed_total{code="garbage"} 17',
      `dynamo_peer_state{peer="${id}"} 2`,
    ]) {
      expect(text.split("\n")).to.include(line);
    }
    expect(text).to.include("process_cpu_seconds_total");
  });
});
