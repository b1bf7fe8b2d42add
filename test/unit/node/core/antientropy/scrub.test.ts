import { expect } from "chai";
import { Scrub } from "../../../../../node/core/antientropy/scrub.ts";
import type { CoreEvent } from "../../../../../node/core/ports/observer.ts";
import type { MerkleStore, VerifyQuery, VerifyRead } from "../../../../../node/core/ports/merkle-store.ts";

const HOUR_MS = 3_600_000;

/** A scrub whose store answers as the test says, on a clock that the test moves. */
class ScrubRig {
  readonly asked: { atMs: number; after: string }[] = [];
  readonly rebuilt: number[][] = [];
  readonly reread: { atMs: number; leaf: number }[] = [];
  readonly corrupt: Uint8Array[] = [];
  readonly events: CoreEvent[] = [];
  answer: (query: VerifyQuery) => VerifyRead = () => read({});
  oldestWriteAgeMs = 0;
  random = 128;
  stepped = 0;
  nowMs = 0;
  #timer: { atMs: number; run: () => void } | undefined;

  constructor() {
    const merkle: Partial<MerkleStore> = {
      verifyRows: (query) => {
        this.asked.push({
          atMs: this.nowMs,
          after: query.after === undefined ? "start" : String(query.after[0]),
        });
        return Promise.resolve(this.answer(query));
      },
      rebuildLeaves: (leaves) => {
        this.rebuilt.push([...leaves]);
        return Promise.resolve({ ok: true });
      },
      rereadRows: (leaf) => {
        this.reread.push({ atMs: this.nowMs, leaf });
        return Promise.resolve({ ok: false, code: "storage_failed", message: "malformed" });
      },
    };
    const scrub = new Scrub({
      merkle: merkle as MerkleStore,
      store: { oldestWriteAgeMs: () => this.oldestWriteAgeMs },
      scrubIntervalMs: HOUR_MS,
      clock: { monotonicMs: () => this.nowMs, wallMs: () => 0 },
      timers: {
        after: (delayMs, run) => {
          this.#timer = { atMs: this.nowMs + delayMs, run };
          return () => undefined;
        },
        soon: (run) => run(),
      },
      random: { bytes: (length) => new Uint8Array(length).fill(this.random), below: () => 0 },
      observer: { event: (event) => void this.events.push(event) },
      onCorrupt: (position) => void this.corrupt.push(position),
      onStep: () => void this.stepped++,
    });
    scrub.start();
  }

  async steps(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const { atMs, run } = this.#timer!;
      this.nowMs = atMs;
      run();
      await new Promise((resolve) => void setImmediate(resolve));
    }
  }
}

function read(more: Partial<VerifyRead & { status: "read" }>): VerifyRead {
  return { status: "read", rowsChecked: 1, corrupt: [], leavesWrong: [], next: undefined, ...more };
}

describe("the scrub", () => {
  it("begins somewhere, goes round, and takes an interval for it however many steps there are", async () => {
    const rig = new ScrubRig();
    rig.answer = ({ after }) => {
      const next = (after === undefined ? 0 : after[0]!) + 32;
      return read({ next: next < 256 ? new Uint8Array(16).fill(next, 0, 1) : undefined });
    };
    await rig.steps(9);
    const afters = rig.asked.map(({ after }) => after);
    expect(afters).to.deep.equal(["128", "160", "192", "224", "start", "32", "64", "96", "128"]);
    const roundMs = rig.asked[8]!.atMs - rig.asked[0]!.atMs;
    expect(roundMs).to.be.within(HOUR_MS * 0.99, HOUR_MS);
  });

  it("reports corrupt rows, has wrong leaves computed anew, and says what it did", async () => {
    const rig = new ScrubRig();
    const position = new Uint8Array(16).fill(3);
    rig.answer = () => read({ rowsChecked: 7, corrupt: [position], leavesWrong: [5, 9] });
    await rig.steps(1);
    expect(rig.corrupt).to.deep.equal([position]);
    expect(rig.rebuilt).to.deep.equal([[5, 9]]);
    expect(rig.stepped).to.equal(1);
    expect(rig.events).to.deep.equal([{ kind: "scrub_stepped", rows: 7, corrupt: 1, leavesRebuilt: 2 }]);
  });

  it("says that the disk refused, and tries the same rows again", async () => {
    const rig = new ScrubRig();
    rig.answer = () => ({ status: "failed", message: "disk" });
    await rig.steps(2);
    expect(rig.events).to.deep.equal([
      { kind: "scrub_failed", message: "disk" },
      { kind: "scrub_failed", message: "disk" },
    ]);
    expect(rig.asked.map(({ after }) => after)).to.deep.equal(["128", "128"]);
    expect(rig.asked[1]!.atMs - rig.asked[0]!.atMs).to.equal(10_000);
  });

  it("has the writer read what it cannot read itself, once an hour", async () => {
    const rig = new ScrubRig();
    rig.answer = () => ({ status: "failed", message: "malformed" });
    await rig.steps(400);
    expect(rig.reread.map(({ leaf }) => leaf)).to.deep.equal([131_586, 131_586]);
    expect(rig.reread[1]!.atMs - rig.reread[0]!.atMs).to.equal(HOUR_MS);
  });

  it("leaves a place that it cannot read, and goes on elsewhere", async () => {
    const rig = new ScrubRig();
    const isBroken = (after: Uint8Array | undefined): boolean => after?.[0] === 128;
    rig.answer = ({ after }) =>
      isBroken(after)
        ? { status: "failed", message: "disk" }
        : read({ next: new Uint8Array(16).fill(128, 0, 1) });
    rig.random = 7;
    await rig.steps(4);
    expect(rig.asked.map(({ after }) => after)).to.deep.equal(["128", "128", "7", "128"]);
  });

  it("steps aside while clients' writes wait, but goes on", async () => {
    const rig = new ScrubRig();
    rig.answer = ({ after }) => read({ next: new Uint8Array(16).fill(after?.[0] ?? 0, 0, 1) });
    rig.oldestWriteAgeMs = 1_000;
    await rig.steps(3);
    expect(rig.asked[2]!.atMs - rig.asked[1]!.atMs).to.equal(4_000);
  });
});
