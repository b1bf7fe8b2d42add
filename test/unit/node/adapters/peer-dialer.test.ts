import { expect } from "chai";
import { formatPeerAddress, type PeerAddress } from "../../../../node/adapters/peer-address.ts";
import { PeerDialer, type DialOutcome } from "../../../../node/adapters/peer-dialer.ts";
import { defaultPeerLimits, type PeerLimits } from "../../../../node/adapters/peer-limits.ts";
import { PeerLog } from "../../../../node/adapters/peer-log.ts";
import type { NodeId } from "../../../../node/core/node-id.ts";
import { newNodeId, until } from "./peer-fixture.ts";

const ONE: PeerAddress = { host: "127.0.0.1", port: 1 };
const TWO: PeerAddress = { host: "127.0.0.1", port: 2 };

describe("peer dialer", () => {
  let dialer: PeerDialer;
  let dials: { address: string; atMs: number; done: (outcome: DialOutcome) => void }[];
  let connected: Set<NodeId>;
  let events: string[];

  function start(seeds: PeerAddress[], limits: Partial<PeerLimits> = {}): void {
    dials = [];
    events = [];
    connected = new Set();
    dialer = new PeerDialer(
      {
        limits: { ...defaultPeerLimits, backoffMsMin: 10, backoffMsMax: 80, ...limits },
        log: new PeerLog((event) => events.push(event)),
        dial: (address, done) =>
          dials.push({ address: formatPeerAddress(address), atMs: performance.now(), done }),
        isConnected: (peer) => connected.has(peer),
      },
      seeds,
    );
  }

  /** Answers each dial with a failure as soon as it comes, until there were `count`. */
  async function failUntil(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      await until(`dial ${i + 1}`, () => dials.length > i);
      dials[i]!.done({ kind: "failed" });
    }
  }

  async function quiet(durationMs = 200): Promise<void> {
    const before = dials.length;
    await new Promise((resolve) => setTimeout(resolve, durationMs));
    expect(dials.length).to.equal(before);
  }

  afterEach(() => dialer.close());

  it("makes one attempt at a time, with pauses that grow up to a bound", async () => {
    start([ONE]);
    await until("the first dial", () => dials.length === 1);
    await quiet();
    await failUntil(8);
    await until("the ninth", () => dials.length === 9);
    const pauses = dials.slice(1).map((dial, i) => dial.atMs - dials[i]!.atMs);
    expect(pauses[6]).to.be.within(39, 400);
    expect(pauses[7]).to.be.within(39, 400);
  });

  it("rests while the peer is connected, and tries all its addresses at once when it is lost", async () => {
    start([ONE]);
    const peer = newNodeId();
    await until("the first dial", () => dials.length === 1);
    connected.add(peer);
    dialer.learn(peer, TWO);
    dials[0]!.done({ kind: "connected", peer });
    await quiet();
    connected.delete(peer);
    dialer.wake(peer);
    await until("both addresses", () => dials.length === 3);
    expect(new Set(dials.slice(1).map((dial) => dial.address))).to.deep.equal(
      new Set(["127.0.0.1:1", "127.0.0.1:2"]),
    );
  });

  it("forgets a learnt address that leads back here or is out of date, but no seed", async () => {
    start([ONE], { backoffMsMax: 20 });
    const peer = newNodeId();
    dialer.learn(peer, TWO);
    await until("both were dialled", () => dials.length === 2);
    dials.find((dial) => dial.address === "127.0.0.1:2")!.done({ kind: "self" });
    await quiet(100);
    const [seedDial] = dials.filter((dial) => dial.address === "127.0.0.1:1");
    dialer.learn(peer, ONE);
    dialer.forget(peer, ONE);
    seedDial!.done({ kind: "failed" });
    await until("the seed is tried again", () => dials.length === 3);
    expect(dials[2]!.address).to.equal("127.0.0.1:1");
  });

  it("comes back only after the longest pause to a peer that refused it", async () => {
    start([ONE], { backoffMsMax: 300 });
    await until("the first dial", () => dials.length === 1);
    dials[0]!.done({ kind: "refused" });
    await quiet(150);
    await until("the second", () => dials.length === 2);
  });

  it("bounds the addresses that it remembers, and says so", async () => {
    start([], { addressesMax: 3 });
    for (let port = 1; port <= 5; port++) dialer.learn(newNodeId(), { host: "127.0.0.1", port });
    await until("three dials", () => dials.length === 3);
    await quiet(50);
    expect(events).to.deep.equal(["peer_address_ignored"]);
  });

  it("says once that a name leads nowhere", async () => {
    start([{ host: "no..host", port: 1 }], { resolveIntervalMs: 20 });
    await until("the warning", () => events.length > 0);
    expect(events).to.deep.equal(["peer_seed_not_resolved"]);
    expect(dials).to.deep.equal([]);
  });
});
