import { expect } from "chai";
import { InvariantBroken } from "../../../../../node/core/invariant.ts";
import { FRAME, linkFrame } from "../../../../../node/core/wire/frame.ts";
import { FrameQueue, type FrameQueueLimits } from "../../../../../node/core/wire/frame-queue.ts";
import { FrameReader } from "../../../../../node/core/wire/frame-reader.ts";
import { goldenFiles } from "../version/golden-files.ts";
import { RecordingSink } from "./recording-sink.ts";

const LIMITS: FrameQueueLimits = {
  windowBytes: 1024 * 1024,
  controlWindowBytes: 1024 * 1024,
  messageBytesMax: 64 * 1024 * 1024,
};

describe("frame queue", () => {
  it("adds four bytes to a small message", () => {
    const queue = newQueue();
    queue.offer(new Uint8Array(10), "foreground");
    expect(Buffer.concat(queue.take())).to.have.length(14);
  });

  it("lays the small messages of a round side by side in one buffer", () => {
    const queue = newQueue();
    for (let i = 0; i < 32; i++) queue.offer(new Uint8Array(1_024), "foreground");
    expect(queue.take()).to.have.length(1);
    expect(queue.take()).to.deep.equal([]);
  });

  it("does not copy large parts", () => {
    const queue = newQueue();
    const large = new Uint8Array(20_000);
    queue.offer(large, "foreground");
    expect(queue.take()).to.include(large);
  });

  it("takes the link's own frames first, then control, then foreground", () => {
    const queue = newQueue();
    queue.offer(Uint8Array.of(1), "foreground");
    queue.offer(Uint8Array.of(2), "control");
    queue.offerLinkFrame(linkFrame(FRAME.ping, Uint8Array.of(3)));
    expect(saidBy(queue)).to.deep.equal(["ping hex:03", "control hex:02", "foreground hex:01"]);
  });

  it("lets a small message wait behind at most one fragment of a long one", () => {
    const queue = newQueue();
    queue.offer(new Uint8Array(20_000_000), "foreground");
    expect(bytesOf(queue.take())).to.be.lessThan(66_000);
    queue.offer(Uint8Array.of(1), "foreground");
    const sink = new RecordingSink();
    const round = Buffer.concat(queue.take());
    new FrameReader(sink, LIMITS.messageBytesMax).push(round.subarray(0, 5));
    expect(sink.said()).to.deep.equal(["foreground hex:01"]);
  });

  it("keeps a long message moving however many small ones come", () => {
    const queue = newQueue();
    queue.offer(new Uint8Array(1_000_000), "foreground");
    const sink = new RecordingSink();
    const reader = new FrameReader(sink, LIMITS.messageBytesMax);
    let rounds = 0;
    while (!sink.messages.some((each) => each.bytes.length === 1_000_000)) {
      expect(++rounds).to.be.lessThan(20);
      for (let i = 0; i < 200; i++) queue.offer(new Uint8Array(1_000), "foreground");
      for (const piece of queue.take()) reader.push(piece);
    }
  });

  it("gives long messages turns, so that a lesser one is not held up by a greater", () => {
    const queue = newQueue({ windowBytes: 64 * 1024 * 1024 });
    queue.offer(new Uint8Array(20_000_000), "foreground");
    queue.offer(new Uint8Array(200_000), "foreground");
    queue.offer(new Uint8Array(300_000), "control");
    const sink = new RecordingSink();
    drainInto(queue, sink);
    expect(sink.messages.map((each) => each.bytes.length)).to.deep.equal([300_000, 200_000, 20_000_000]);
  });

  it("never has more long messages under way than the receiver allows", () => {
    const queue = newQueue({
      windowBytes: 64 * 1024 * 1024,
      controlWindowBytes: 64 * 1024 * 1024,
      messageBytesMax: 4_000_000,
    });
    for (let i = 0; i < 40; i++)
      expect(queue.offer(new Uint8Array(700_000), i % 2 === 0 ? "bulk" : "control")).to.equal(true);
    const sink = new RecordingSink();
    drainInto(queue, sink, 4_000_000);
    expect(sink.messages).to.have.length(40);
    expect(queue.queuedBytes).to.equal(0);
  });

  it("refuses a message when the window of its class is full, whatever the other classes hold", () => {
    const queue = newQueue({ windowBytes: 100_000, controlWindowBytes: 1_000 });
    expect(queue.offer(new Uint8Array(60_000), "foreground")).to.equal(true);
    expect(queue.offer(new Uint8Array(60_000), "foreground")).to.equal(false);
    expect(queue.offer(new Uint8Array(90_000), "foreground")).to.equal(true);
    expect(queue.offer(new Uint8Array(70_000), "foreground")).to.equal(false);
    expect(queue.offer(new Uint8Array(900), "control")).to.equal(true);
    expect(queue.offer(new Uint8Array(900), "control")).to.equal(false);
    drainInto(queue, new RecordingSink());
    expect(queue.queuedBytes).to.equal(0);
    expect(queue.offer(new Uint8Array(60_000), "foreground")).to.equal(true);
  });

  it("takes one message larger than its window where nothing else waits, none beyond the peer's limit", () => {
    const queue = newQueue({ windowBytes: 1_000, messageBytesMax: 200_000 });
    expect(queue.offer(new Uint8Array(150_000), "bulk")).to.equal(true);
    expect(queue.offer(new Uint8Array(150_000), "bulk")).to.equal(false);
    expect(queue.offer(new Uint8Array(200_001), "control")).to.equal(false);
  });

  it("counts tiny messages by more than their bytes", () => {
    const queue = newQueue({ windowBytes: 65_000 });
    let taken = 0;
    while (queue.offer(Uint8Array.of(1), "foreground")) taken++;
    expect(taken).to.equal(1_000);
  });

  it("does not take an empty message", () => {
    expect(() => newQueue().offer(new Uint8Array(0), "foreground")).to.throw(InvariantBroken);
  });

  for (const { name, bytes, meaning } of goldenFiles<{ about: string; offered: [string, string][] }>(
    "frames",
  )) {
    if (meaning.offered === undefined) continue;
    it(`writes ${name}: ${meaning.about}`, () => {
      const queue = newQueue();
      for (const [lane, hex] of meaning.offered) {
        queue.offer(Uint8Array.from(Buffer.from(hex, "hex")), lane as "control" | "foreground" | "bulk");
      }
      expect(Buffer.concat(queue.take()).toString("hex")).to.equal(Buffer.from(bytes).toString("hex"));
    });
  }
});

function newQueue(limits: Partial<FrameQueueLimits> = {}): FrameQueue {
  return new FrameQueue({ ...LIMITS, ...limits }, (length) => new Uint8Array(length));
}

function bytesOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}

function drainInto(queue: FrameQueue, sink: RecordingSink, messageBytesMax = LIMITS.messageBytesMax): void {
  const reader = new FrameReader(sink, messageBytesMax);
  for (let round = queue.take(); round.length > 0; round = queue.take()) {
    for (const piece of round) reader.push(piece);
  }
}

function saidBy(queue: FrameQueue): string[] {
  const sink = new RecordingSink();
  drainInto(queue, sink);
  return sink.said();
}
