import { expect } from "chai";
import { HealthWatch } from "../../../../../node/core/membership/health-watch.ts";
import type { CoreEvent } from "../../../../../node/core/ports/observer.ts";
import { nodeId } from "../ring/made-ring.ts";

const peer = nodeId(1);

/** A watch on a clock of the test; probes are recorded and stay unanswered. */
function watching() {
  const events: CoreEvent[] = [];
  const probes: string[] = [];
  const recovered: string[] = [];
  let nowMs = 0;
  let tick: () => void = () => undefined;
  const watch = new HealthWatch({
    clock: { monotonicMs: () => nowMs, wallMs: () => 1_000_000 + nowMs },
    timers: {
      after: (_delayMs, run) => {
        tick = run;
        return () => undefined;
      },
      soon: (run) => run(),
    },
    observer: { event: (event) => void events.push(event) },
  });
  watch.onRecovered((id) => void recovered.push(id));
  watch.start({
    call: async (to, message) => {
      probes.push(`${to} ${message.type}`);
      watch.detector.sent(to);
      return undefined;
    },
  });
  const pass = (ms: number): void => {
    nowMs += ms;
    tick();
  };
  pass(200);
  return { watch, events, probes, recovered, pass };
}

describe("health watch", () => {
  it("probes who is silent, and says when it is believed down, why, and when it is back", () => {
    const { watch, events, probes, recovered, pass } = watching();
    watch.detector.connected(peer);
    watch.detector.sent(peer);
    for (let i = 0; i < 4; i++) pass(200);
    expect(probes[0]).to.equal(`${peer} gossip.ping`);
    expect(watch.describe(peer)).to.deep.equal({
      belief: "down",
      reason: "silent",
      sinceMs: 1_000,
      sinceWallMs: 1_001_000,
    });
    pass(200);
    watch.detector.heard(peer);
    expect(events).to.deep.equal([
      { kind: "peer_up", peerId: peer, reason: "heard", before: "never_connected", lastedMs: 0 },
      { kind: "peer_down", peerId: peer, reason: "silent", before: "heard", lastedMs: 800 },
      { kind: "peer_up", peerId: peer, reason: "heard", before: "silent", lastedMs: 200 },
    ]);
    expect(recovered).to.deep.equal([peer]);
  });

  it("leaves connections to those who hear of them anyway", () => {
    const { watch, events, recovered } = watching();
    watch.detector.connected(peer);
    watch.detector.disconnected(peer);
    watch.detector.connected(peer);
    expect(events.map(({ kind }) => kind)).to.deep.equal(["peer_up", "peer_down", "peer_up"]);
    expect(recovered).to.deep.equal([]);
  });

  it("says when this node itself was stopped, and not that it started slowly", () => {
    const { events, pass } = watching();
    pass(200);
    expect(events).to.deep.equal([]);
    pass(3_200);
    expect(events).to.deep.equal([{ kind: "node_stalled", durationMs: 3_000 }]);
  });

  it("knows nothing of a peer that it never met", () => {
    const { watch } = watching();
    expect(watch.describe(peer)).to.include({
      belief: "down",
      reason: "never_connected",
      sinceWallMs: undefined,
    });
  });
});
