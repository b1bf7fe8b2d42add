import { expect } from "chai";
import { TombstoneRecount } from "../../../../../node/core/antientropy/tombstone-recount.ts";

/** A recount over a store that is in doubt for so many steps, on timers that the test runs. */
class Rig {
  stepsLeft: number;
  steps = 0;
  isRefused = false;
  oldestWriteAgeMs = 0;
  readonly pausesMs: number[] = [];
  readonly recount: TombstoneRecount;
  #run: (() => void) | undefined;

  constructor(stepsLeft: number) {
    this.stepsLeft = stepsLeft;
    this.recount = new TombstoneRecount({
      tombstones: {
        tombstones: () => ({ count: 0, inDoubt: this.stepsLeft > 0 }),
        countTombstones: () => {
          this.steps += 1;
          if (this.isRefused) return Promise.resolve({ ok: false, code: "read_only", message: "full" });
          this.stepsLeft -= 1;
          return Promise.resolve({ ok: true });
        },
      },
      store: { oldestWriteAgeMs: () => this.oldestWriteAgeMs },
      clock: { monotonicMs: () => 0, wallMs: () => 0 },
      timers: {
        after: (delayMs, run) => {
          this.pausesMs.push(delayMs);
          this.#run = run;
          return () => undefined;
        },
        soon: (run) => run(),
      },
    });
  }

  async settle(): Promise<void> {
    await new Promise((resolve) => void setImmediate(resolve));
    while (this.#run !== undefined) {
      const run = this.#run;
      this.#run = undefined;
      run();
      await new Promise((resolve) => void setImmediate(resolve));
    }
  }
}

describe("the recount of tombstones", () => {
  it("is idle without a doubt", async () => {
    const rig = new Rig(0);
    rig.recount.wake();
    await rig.settle();
    expect(rig.steps).to.equal(0);
  });

  it("takes step after step until the doubt ends, one at a time, with pauses", async () => {
    const rig = new Rig(4);
    rig.recount.wake();
    rig.recount.wake();
    await rig.settle();
    expect(rig.steps).to.equal(4);
    expect(rig.pausesMs).to.deep.equal([50, 50, 50]);
  });

  it("steps aside while clients' writes wait", async () => {
    const rig = new Rig(2);
    rig.oldestWriteAgeMs = 200;
    rig.recount.wake();
    await rig.settle();
    expect(rig.pausesMs).to.deep.equal([800]);
  });

  it("stops where it is refused, and goes on when it is woken again", async () => {
    const rig = new Rig(2);
    rig.isRefused = true;
    rig.recount.wake();
    await rig.settle();
    expect(rig.steps).to.equal(1);
    rig.isRefused = false;
    rig.recount.wake();
    await rig.settle();
    expect(rig.stepsLeft).to.equal(0);
  });
});
