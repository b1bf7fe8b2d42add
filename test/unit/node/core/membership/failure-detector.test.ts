import { expect } from "chai";
import fc from "fast-check";
import { DETECTOR, FailureDetector } from "../../../../../node/core/membership/failure-detector.ts";
import type { BeliefChange } from "../../../../../node/core/membership/peer-health.ts";
import { nodeId } from "../ring/made-ring.ts";

const peer = nodeId(1);
const other = nodeId(2);

/** A detector on a clock of the test. Ticks come on time unless the test stops the node. */
class DetectorRig {
  readonly changes: BeliefChange[] = [];
  readonly probes: { atMs: number; peer: string }[] = [];
  readonly detector: FailureDetector;
  nowMs = 0;
  stalls = 0;
  /** Whether the peer answers a probe: at once, through the same facts as any call. */
  answers: (peer: string) => boolean = () => false;

  constructor() {
    this.detector = new FailureDetector({
      nowMs: () => this.nowMs,
      onChange: (change) => void this.changes.push(change),
    });
    this.detector.start();
    for (const each of [peer, other]) this.detector.connected(each);
    this.changes.length = 0;
  }

  /** The node runs for so long; `during` is called between its ticks, every 50 ms. */
  run(ms: number, during: () => void = () => undefined): void {
    const endMs = this.nowMs + ms;
    while (this.nowMs < endMs) {
      this.nowMs += 50;
      during();
      if (this.nowMs % DETECTOR.tickMs === 0) this.#tick();
    }
  }

  /** The node itself is stopped; then its next tick comes. */
  stall(ms: number): void {
    this.nowMs += ms;
    this.#tick();
  }

  answer(from = peer, waitedMs = 1, measured?: "replicate" | "read"): void {
    this.detector.heard(from);
    this.detector.answered(from, waitedMs, measured);
  }

  reasons(): string[] {
    return this.changes.map(({ belief, reason }) => `${belief} ${reason}`);
  }

  #tick(): void {
    const { probe, stalledMs } = this.detector.tick();
    if (stalledMs > 0) this.stalls += 1;
    for (const each of probe) {
      this.probes.push({ atMs: this.nowMs, peer: each });
      this.detector.sent(each);
      if (this.answers(each)) this.answer(each);
    }
  }
}

describe("failure detector", () => {
  it("knows nothing good of a peer that was never met, and takes a connection for a sign of life", () => {
    const detector = new FailureDetector({ nowMs: () => 7, onChange: () => undefined });
    expect(detector.health(peer)).to.deep.equal({ belief: "down", reason: "never_connected", sinceMs: 0 });
    detector.connected(peer);
    expect(detector.health(peer)).to.deep.equal({ belief: "up", reason: "heard", sinceMs: 7 });
    detector.disconnected(peer);
    expect(detector.health(peer)).to.include({ belief: "down", reason: "disconnected" });
    expect(detector.isHealthy(peer)).to.equal(false);
    expect(detector.connectedPeers()).to.deep.equal([]);
  });

  it("convicts a peer that was asked and stays silent, within 800 ms, not before 600 and not unprobed", () => {
    for (let phase = 0; phase < DETECTOR.tickMs; phase += 50) {
      const rig = new DetectorRig();
      rig.run(phase);
      const sentMs = rig.nowMs;
      rig.detector.sent(peer);
      rig.run(550);
      expect(rig.detector.isHealthy(peer), `after 550 ms, phase ${phase}`).to.equal(true);
      rig.run(250);
      expect(rig.probes.filter(({ atMs }) => atMs < rig.changes[0]!.sinceMs)).to.have.lengthOf(2);
      expect(rig.reasons()).to.deep.equal(["down silent"]);
      expect(rig.changes[0]!.sinceMs - sentMs).to.be.within(600, 800);
    }
  });

  it("leaves a peer alone whose answers wait for its disk, as long as it answers probes", () => {
    const rig = new DetectorRig();
    rig.answers = () => true;
    rig.detector.sent(peer);
    rig.run(10_000);
    expect(rig.changes).to.deep.equal([]);
  });

  it("takes back a verdict of silence at the first thing heard", () => {
    const rig = new DetectorRig();
    rig.answers = (each) => each === other;
    rig.detector.sent(peer);
    rig.run(5_000);
    rig.answers = () => true;
    rig.detector.heard(peer);
    expect(rig.reasons()).to.deep.equal(["down silent", "up heard"]);
    rig.run(10_000);
    expect(rig.changes, "old calls stay unanswered, and say nothing").to.have.lengthOf(2);
  });

  it("lets a peer that is heard, but does not hear, come back for a moment only once", () => {
    const rig = new DetectorRig();
    rig.answers = (each) => each === other;
    rig.detector.sent(peer);
    // It believes this node down, and probes it as this one would: 1, 2, 4, 8 seconds apart.
    for (const pauseMs of [1_000, 2_000, 4_000, 8_000, 10_000]) {
      rig.run(pauseMs);
      rig.detector.heard(peer);
      rig.run(200);
      rig.detector.heard(peer);
    }
    expect(rig.reasons().slice(0, 2)).to.deep.equal(["down silent", "up heard"]);
    expect(rig.changes.filter(({ belief }) => belief === "up").length).to.be.at.most(2);
    expect(rig.detector.isHealthy(peer)).to.equal(false);
  });

  it("asks a deaf peer again, a second after it is heard, and not before", () => {
    const rig = new DetectorRig();
    rig.answers = (each) => each === other;
    rig.detector.sent(peer);
    rig.run(30_000, () => rig.detector.heard(peer));
    rig.probes.length = 0;
    rig.run(5_000, () => rig.detector.heard(peer));
    expect(rig.probes.filter((probe) => probe.peer === peer)).to.have.lengthOf(5);
    rig.answers = () => true;
    rig.run(1_000, () => rig.detector.heard(peer));
    expect(rig.detector.isHealthy(peer)).to.equal(true);
  });

  it("probes a silent peer after 1, 2, 4, 8 and then every 10 seconds", () => {
    const rig = new DetectorRig();
    rig.detector.sent(peer);
    rig.run(1_000);
    const downMs = rig.changes[0]!.sinceMs;
    rig.probes.length = 0;
    rig.answers = (each) => each === other;
    rig.run(40_000);
    const atSeconds = rig.probes
      .filter((each) => each.peer === peer)
      .map(({ atMs }) => (atMs - downMs) / 1_000);
    expect(atSeconds).to.deep.equal([1, 3, 7, 15, 25, 35]);
  });

  it("finds a peer frozen within 3 seconds though nobody wants anything of it", () => {
    const rig = new DetectorRig();
    rig.answers = (each) => each !== peer || rig.nowMs < 5_000;
    rig.run(20_000);
    const [change] = rig.changes;
    expect(rig.reasons()).to.deep.equal(["down silent"]);
    expect(change!.peer).to.equal(peer);
    expect(change!.sinceMs).to.be.within(5_000, 8_000);
  });

  it("tells slow from dead: three late writes in a row make a peer slow, a prompt one clears it", () => {
    const rig = new DetectorRig();
    rig.answers = () => true;
    rig.detector.late(peer, rig.nowMs, "replicate");
    rig.detector.late(peer, rig.nowMs, "replicate");
    rig.answer(peer, 900, "replicate");
    expect(rig.detector.isSlow(peer), "two are not enough").to.equal(false);
    rig.detector.late(peer, rig.nowMs, "replicate");
    expect(rig.detector.isSlow(peer)).to.equal(true);
    expect(rig.detector.isHealthy(peer)).to.equal(true);
    rig.answer(peer, 3, "read");
    expect(rig.detector.isSlow(peer), "its reads are another matter").to.equal(true);
    rig.answer(peer, 20, "replicate");
    expect(rig.reasons()).to.deep.equal(["slow late", "up heard"]);
  });

  it("gives a slow peer its place back after 10 s without another late answer", () => {
    const rig = new DetectorRig();
    rig.answers = () => true;
    for (let i = 0; i < 3; i++) rig.detector.late(peer, rig.nowMs, "read");
    rig.run(9_800);
    expect(rig.detector.isSlow(peer)).to.equal(true);
    rig.run(400);
    expect(rig.detector.isSlow(peer)).to.equal(false);
    rig.detector.late(peer, rig.nowMs, "read");
    expect(rig.detector.isSlow(peer), "it starts anew").to.equal(false);
  });

  it("convicts a peer that is heard all the while and answers nothing, until it answers", () => {
    const rig = new DetectorRig();
    rig.detector.sent(peer);
    rig.run(4_000, () => {
      rig.detector.heard(peer);
      rig.answer(other);
    });
    expect(rig.reasons()).to.deep.equal(["down deaf"]);
    expect(rig.probes.length, "not on the strength of a disk that takes its time").to.be.within(2, 4);
    rig.detector.heard(peer);
    expect(rig.detector.isHealthy(peer), "being heard is not news").to.equal(false);
    rig.answer();
    expect(rig.detector.isHealthy(peer)).to.equal(true);
  });

  it("sends no more probes to a thousand idle peers than to a hundred, and every peer gets its own", () => {
    const probesOf = (count: number): Map<string, number> => {
      const rig = new DetectorRig();
      const peers = Array.from({ length: count }, (_, n) => nodeId(n + 1));
      for (const each of peers) rig.detector.connected(each);
      rig.answers = () => true;
      rig.run(60_000);
      const counts = new Map(peers.map((each): [string, number] => [each, 0]));
      for (const probe of rig.probes) counts.set(probe.peer, counts.get(probe.peer)! + 1);
      return counts;
    };
    const sum = (counts: Map<string, number>): number => [...counts.values()].reduce((all, n) => all + n, 0);
    const [few, hundred, thousand] = [probesOf(10), probesOf(100), probesOf(1_000)];
    expect([...new Set(few.values())], "every two seconds").to.deep.equal([30]);
    expect(sum(hundred)).to.equal(3_000);
    expect(sum(thousand)).to.be.at.most(3_000);
    expect(Math.min(...thousand.values())).to.be.at.least(2);
  });

  it("convicts nobody for the time in which this node itself was stopped", () => {
    for (const stallMs of [750, 3_000, 60_000]) {
      const rig = new DetectorRig();
      rig.detector.sent(peer);
      rig.run(150);
      rig.stall(stallMs);
      expect(rig.stalls).to.equal(1);
      expect(rig.changes, `stopped for ${stallMs} ms`).to.deep.equal([]);
      // What the peer sent meanwhile lies in the socket and is read now.
      rig.answer();
      rig.answer(other);
      rig.answers = () => true;
      rig.run(2_000);
      expect(rig.changes).to.deep.equal([]);
    }
  });

  it("notices that it was stopped before its first tick, too", () => {
    const rig = new DetectorRig();
    rig.stall(1_500);
    expect(rig.stalls).to.equal(1);
  });

  it("does not call a peer slow for answers that this node could not read while it was stopped", () => {
    const rig = new DetectorRig();
    const sentMs = rig.nowMs;
    rig.stall(2_000);
    for (let i = 0; i < 5; i++) rig.detector.late(peer, sentMs, "replicate");
    expect(rig.changes).to.deep.equal([]);
  });

  it("does not flap under overload: a peer whose event loop stops for up to 500 ms at a time stays up", () => {
    const stops = fc.array(fc.tuple(fc.integer({ min: 50, max: 500 }), fc.integer({ min: 50, max: 300 })), {
      minLength: 20,
      maxLength: 60,
    });
    fc.assert(
      fc.property(stops, (episodes) => {
        const rig = new DetectorRig();
        for (const [stoppedMs, runningMs] of episodes) {
          rig.run(stoppedMs, () => {
            rig.detector.sent(peer);
            rig.answer(other);
          });
          rig.run(runningMs, () => {
            rig.answer(peer, stoppedMs, "replicate");
            rig.answer(other);
          });
        }
        expect(rig.changes).to.deep.equal([]);
      }),
      { numRuns: 100 },
    );
  });

  it("has no verdict without the silence, and no silence without the verdict, whatever happens", () => {
    const facts = fc.array(
      fc.record({
        kind: fc.constantFrom("sent", "heard", "answered", "pass", "stall", "disconnect", "connect"),
        ms: fc.integer({ min: 1, max: 30 }).map((n) => n * 50),
      }),
      { maxLength: 80 },
    );
    fc.assert(
      fc.property(facts, (steps) => {
        const rig = new DetectorRig();
        let connected = true;
        for (const { kind, ms } of steps) {
          if (kind === "sent") rig.detector.sent(peer);
          if (kind === "heard" && connected) rig.detector.heard(peer);
          if (kind === "answered" && connected) rig.answer();
          if (kind === "pass") rig.run(ms, () => rig.answer(other));
          if (kind === "stall") rig.stall(Math.max(ms, 750));
          if (kind === "disconnect") rig.detector.disconnected(peer);
          if (kind === "connect") rig.detector.connected(peer);
          if (kind === "disconnect") connected = false;
          if (kind === "connect") connected = true;
          const { belief, reason } = rig.detector.health(peer);
          if (!connected) expect(reason).to.equal("disconnected");
          else if (kind === "answered" || kind === "connect") expect(belief).to.not.equal("down");
          else if (kind === "heard") expect(reason).to.not.equal("silent");
        }
        for (const change of rig.changes) if (change.peer === other) expect(change.belief).to.equal("up");
      }),
    );
  });
});
