import { expect } from "chai";
import { parseNodeId } from "../../../../../node/core/node-id.ts";
import type { CallWatch } from "../../../../../node/core/peers/call-watch.ts";
import { PeerCalls } from "../../../../../node/core/peers/peer-calls.ts";
import type { CoreEvent } from "../../../../../node/core/ports/observer.ts";
import type { Random } from "../../../../../node/core/ports/random.ts";
import { decodeMessage } from "../../../../../node/core/wire/messages.ts";
import { FORMED } from "../../../../../node/core/ring/ring-number.ts";

const peer = parseNodeId("00000000-0000-4000-8000-000000000001");
const limits = { timeoutMs: 100, lane: "foreground" } as const;
const readRequest = {
  bucket: new Uint8Array([1]),
  key: new Uint8Array([2]),
  position: new Uint8Array(16),
  want: "record",
} as const;
const request = { kind: "control", body: new Uint8Array([1]) } as const;

/** Draws of another seed are other draws. */
function seededRandom(seed: number): Random {
  return { bytes: (length) => new Uint8Array(length).fill(seed), below: (limit) => (seed * 7_919) % limit };
}

/** A virtual clock and a link that records what is sent. */
function calls({
  callsPerPeerMax = 10,
  accepts = true,
  random = seededRandom(1),
  watch,
}: { callsPerPeerMax?: number; accepts?: boolean; random?: Random; watch?: CallWatch } = {}) {
  const sent: Uint8Array[] = [];
  const events: CoreEvent[] = [];
  const timers: { atMs: number; run: () => void }[] = [];
  let nowMs = 0;
  const peerCalls = new PeerCalls({
    callsPerPeerMax,
    ...(watch === undefined ? {} : { watch }),
    random,
    clock: { monotonicMs: () => nowMs, wallMs: () => 0 },
    timers: {
      after: (delayMs, run) => {
        const timer = { atMs: nowMs + delayMs, run };
        timers.push(timer);
        return () => void timers.splice(timers.indexOf(timer), 1);
      },
      soon: (run) => run(),
    },
    observer: { event: (event) => void events.push(event) },
    transport: {
      send: (_to, message) => accepts && sent.push(message) > 0,
      isConnected: () => true,
      onMessage: () => undefined,
      onPeer: () => undefined,
    },
  });
  const advance = (ms: number) => {
    const endMs = nowMs + ms;
    for (;;) {
      const due = timers.filter((timer) => timer.atMs <= endMs).sort((x, y) => x.atMs - y.atMs)[0];
      if (due === undefined) break;
      timers.splice(timers.indexOf(due), 1);
      nowMs = due.atMs;
      due.run();
    }
    nowMs = endMs;
  };
  const callOf = (index: number) => decodeMessage(sent[index]!).call;
  return { peerCalls, sent, events, advance, callOf };
}

describe("peer calls", () => {
  it("resolves with the reply that carries the call's number, whatever the order", async () => {
    const { peerCalls, callOf } = calls();
    const first = peerCalls.call(peer, request, limits);
    const second = peerCalls.call(peer, request, limits);
    peerCalls.replied(peer, callOf(1), new Uint8Array([2]));
    peerCalls.replied(peer, callOf(0), new Uint8Array([1]));
    expect(await first).to.deep.equal({ status: "answered", body: new Uint8Array([1]) });
    expect(await second).to.deep.equal({ status: "answered", body: new Uint8Array([2]) });
  });

  it("takes no reply from another peer than the one that was asked", async () => {
    const { peerCalls, callOf, advance } = calls();
    const call = peerCalls.call(peer, request, limits);
    peerCalls.replied(parseNodeId("00000000-0000-4000-8000-000000000002"), callOf(0), new Uint8Array([9]));
    advance(200);
    expect(await call).to.deep.equal({ status: "lost" });
  });

  it("takes no reply to a call of the process before it, which numbered its calls from elsewhere", async () => {
    const before = calls({ random: seededRandom(1) });
    void before.peerCalls.call(peer, request, limits);
    const { peerCalls, advance } = calls({ random: seededRandom(2) });
    const call = peerCalls.call(peer, request, limits);
    peerCalls.replied(peer, before.callOf(0), new Uint8Array([9]));
    advance(200);
    expect(await call).to.deep.equal({ status: "lost" });
  });

  it("numbers on from 2^32-1 to 0", async () => {
    const { peerCalls, sent, callOf } = calls({
      random: { ...seededRandom(1), below: (limit) => limit - 2 },
    });
    for (let i = 0; i < 2; i++) void peerCalls.call(peer, request, limits);
    expect(sent.map((_, i) => callOf(i))).to.deep.equal([2 ** 32 - 1, 0]);
  });

  it("gives up soon after the deadline and says so", async () => {
    const { peerCalls, advance, events } = calls();
    const call = peerCalls.call(peer, request, limits);
    advance(120);
    expect(await call).to.deep.equal({ status: "lost" });
    expect(events).to.deep.equal([{ kind: "peer_call_timed_out", peerId: peer }]);
  });

  it("loses what is under way when the connection goes", async () => {
    const { peerCalls } = calls();
    const call = peerCalls.call(peer, request, limits);
    peerCalls.disconnected(peer);
    expect(await call).to.deep.equal({ status: "lost" });
  });

  it("sends nothing over a full window, past the bound of calls, or without time left", async () => {
    expect(await calls({ accepts: false }).peerCalls.call(peer, request, limits)).to.deep.equal({
      status: "not_sent",
    });
    const { peerCalls, sent } = calls({ callsPerPeerMax: 1 });
    void peerCalls.call(peer, request, limits);
    expect(await peerCalls.call(peer, request, limits)).to.deep.equal({ status: "not_sent" });
    expect(await peerCalls.call(peer, request, { ...limits, timeoutMs: 0 })).to.deep.equal({
      status: "not_sent",
    });
    expect(sent).to.have.length(1);
  });

  it("measures the answers that requests wait for, not those of bulk work", async () => {
    const { peerCalls, advance, callOf } = calls();
    const body = { position: new Uint8Array(16), record: new Uint8Array(1), keptFor: [] };
    for (const [i, lane] of (["bulk", "foreground"] as const).entries()) {
      void peerCalls.call(peer, { kind: "replicate", body, planned: FORMED }, { timeoutMs: 1_000, lane });
      advance(lane === "bulk" ? 500 : 5);
      peerCalls.replied(peer, callOf(i), new Uint8Array(0));
    }
    expect(peerCalls.latencyMs("replicate", 0.99)).to.equal(5);
  });

  it("tells its watch what was sent, how long answers took, and once of each that is late", () => {
    const told: unknown[] = [];
    const watch = {
      sent: (to: string) => void told.push(["sent", to]),
      answered: (from: string, waitedMs: number, measured: string | undefined) =>
        void told.push(["answered", from, waitedMs, measured]),
      late: (to: string, sentAtMs: number, measured: string) =>
        void told.push(["late", to, sentAtMs, measured]),
    };
    const { peerCalls, advance, callOf } = calls({ watch });
    const read = { kind: "read", body: readRequest, planned: FORMED } as const;
    void peerCalls.call(peer, request, { timeoutMs: 5_000, lane: "control" });
    void peerCalls.call(peer, read, { timeoutMs: 5_000, lane: "foreground" });
    void peerCalls.call(peer, read, { timeoutMs: 5_000, lane: "bulk" });
    advance(300);
    peerCalls.replied(peer, callOf(0), new Uint8Array([1]));
    advance(2_000);
    peerCalls.replied(peer, callOf(1), new Uint8Array([1]));
    expect(told).to.deep.equal([
      ["sent", peer],
      ["sent", peer],
      ["sent", peer],
      ["answered", peer, 300, undefined],
      ["late", peer, 0, "read"],
      ["answered", peer, 2_300, "read"],
    ]);
  });

  it("leaves room for control calls to a peer that leaves all others unanswered", async () => {
    const { peerCalls, sent } = calls({ callsPerPeerMax: 2 });
    for (let i = 0; i < 3; i++) void peerCalls.call(peer, request, limits);
    expect(sent).to.have.lengthOf(2);
    for (let i = 0; i < 70; i++) void peerCalls.call(peer, request, { timeoutMs: 100, lane: "control" });
    expect(sent, "but not without end").to.have.lengthOf(2 + 64);
  });
});
